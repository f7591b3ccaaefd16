#include "singleflight/async_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace singleflight {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Flights = AsyncGroup<std::string, std::string, std::shared_ptr<std::string>>;
using Outcome = Flights::Left::Outcome;

class Caller : public Flights::Waiter {
 public:
  Caller(std::string name, std::vector<std::string>& log) : name_(std::move(name)), log_(log) {}

  void OnLanded(const std::string* result) override {
    log_.push_back(name_ + ":" + (result == nullptr ? "nobody" : *result));
  }

 private:
  const std::string name_;
  std::vector<std::string>& log_;
};

class AsyncGroupTest : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(flights_.flights(), 0u);
    EXPECT_EQ(flights_.waiting(), 0u);
  }

  Flights::Landing Lead(Caller& caller, const JoinLimits& limits = {}) {
    auto joined = flights_.Join("key", caller, now_, limits);
    EXPECT_EQ(joined.role, Role::kLeader);
    EXPECT_TRUE(joined.landing);
    return std::move(joined.landing);
  }

  void Follow(Caller& caller, const JoinLimits& limits = {}) {
    const auto joined = flights_.Join("key", caller, now_, limits);
    EXPECT_EQ(joined.role, Role::kFollower);
    EXPECT_FALSE(joined.landing);
  }

  Outcome Leave(Caller& caller, OnLast on_last = OnLast::kRetire) {
    return flights_.Leave(caller, on_last).outcome;
  }

  std::vector<std::string> log_;
  Caller ann_{"ann", log_}, bob_{"bob", log_}, cid_{"cid", log_};
  Flights::TimePoint now_{};
  Flights flights_;
};

TEST_F(AsyncGroupTest, LandingAnswersEveryoneInOrderOfArrival) {
  auto landing = Lead(ann_);
  Follow(bob_);
  Follow(cid_);
  EXPECT_EQ(flights_.waiting(), 3u);
  landing.Land("blue");
  EXPECT_THAT(log_, ElementsAre("ann:blue", "bob:blue", "cid:blue"));
  EXPECT_FALSE(landing);
}

TEST_F(AsyncGroupTest, JoiningTellsTheRoleAndHowManyAreAboard) {
  auto led = flights_.Join("key", ann_, now_);
  EXPECT_EQ(led.waiting, 1u);
  EXPECT_EQ(ann_.role(), Role::kLeader);
  const auto followed = flights_.Join("key", bob_, now_);
  EXPECT_EQ(followed.waiting, 2u);
  EXPECT_EQ(bob_.role(), Role::kFollower);
  EXPECT_EQ(led.landing.waiting(), 2u);
  EXPECT_EQ(led.landing.key(), "key");
}

TEST_F(AsyncGroupTest, ALandingDestroyedUnfinishedTellsEveryoneThatNobodyWillAnswer) {
  {
    auto landing = Lead(ann_);
    Follow(bob_);
  }
  EXPECT_THAT(log_, ElementsAre("ann:nobody", "bob:nobody"));
}

TEST_F(AsyncGroupTest, AssigningOverALandingDischargesIt) {
  auto landing = Lead(ann_);
  landing = Flights::Landing();
  EXPECT_THAT(log_, ElementsAre("ann:nobody"));
}

TEST_F(AsyncGroupTest, ALandingMayBePassedToAnotherThread) {
  std::jthread([landing = Lead(ann_)]() mutable { landing.Land("blue"); }).join();
  EXPECT_THAT(log_, ElementsAre("ann:blue"));
}

TEST_F(AsyncGroupTest, TheOwnerMayTakeTheWaitersAndAnswerThemInBatches) {
  auto landing = Lead(ann_);
  Follow(bob_);
  Follow(cid_);
  Flights::WaiterList taken = landing.Take();
  EXPECT_EQ(flights_.flights(), 0u);
  EXPECT_EQ(taken.size(), 3u);

  Flights::WaiterList odd, even;
  while (Flights::Waiter* waiter = taken.Pop()) {
    (odd.size() <= even.size() ? odd : even).PushBack(waiter);
  }
  const std::string reply = "blue";
  while (Flights::Waiter* waiter = even.Pop()) waiter->OnLanded(&reply);
  while (Flights::Waiter* waiter = odd.Pop()) waiter->OnLanded(&reply);
  EXPECT_THAT(log_, ElementsAre("bob:blue", "ann:blue", "cid:blue"));
}

TEST_F(AsyncGroupTest, WhoJoinsAfterTheLandingLeadsAnew) {
  auto first = Lead(ann_);
  Flights::WaiterList taken = first.Take();
  auto second = Lead(bob_);
  taken.Pop()->OnLanded(nullptr);
  second.Land("red");
  EXPECT_THAT(log_, ElementsAre("ann:nobody", "bob:red"));
}

TEST_F(AsyncGroupTest, ALeaderThatLeavesIsJustOneWaiterLess) {
  auto landing = Lead(ann_);
  Follow(bob_);
  EXPECT_EQ(Leave(ann_), Outcome::kLeft);
  landing.Land("blue");
  EXPECT_THAT(log_, ElementsAre("bob:blue"));
}

TEST_F(AsyncGroupTest, TheLastOneOutGetsTheContext) {
  auto landing = Lead(ann_);
  EXPECT_TRUE(landing.set_context(std::make_shared<std::string>("cancel me")));
  Follow(bob_);
  EXPECT_EQ(flights_.Leave(ann_, OnLast::kRetire).context, nullptr);
  const auto left = flights_.Leave(bob_, OnLast::kRetire);
  EXPECT_EQ(left.outcome, Outcome::kLeftLast);
  EXPECT_EQ(*left.context, "cancel me");
}

TEST_F(AsyncGroupTest, AContextThatComesAfterEveryoneHasLeftSaysSo) {
  auto landing = Lead(ann_);
  EXPECT_EQ(Leave(ann_), Outcome::kLeftLast);
  EXPECT_FALSE(landing.set_context(std::make_shared<std::string>("cancel me")));
}

TEST_F(AsyncGroupTest, NobodyJoinsAFlightThatItsLastWaiterRetired) {
  auto cancelled = Lead(ann_);
  EXPECT_EQ(Leave(ann_, OnLast::kRetire), Outcome::kLeftLast);
  EXPECT_TRUE(cancelled.superseded());
  auto fresh = Lead(bob_);
  cancelled.Land("too late");
  EXPECT_THAT(log_, IsEmpty());
  fresh.Land("blue");
}

TEST_F(AsyncGroupTest, AFlightKeptByItsLastWaiterCanBeJoinedAgain) {
  auto landing = Lead(ann_);
  EXPECT_EQ(Leave(ann_, OnLast::kKeep), Outcome::kLeftLast);
  EXPECT_FALSE(landing.superseded());
  Follow(bob_);
  landing.Land("blue");
  EXPECT_THAT(log_, ElementsAre("bob:blue"));
}

TEST_F(AsyncGroupTest, AWaiterThatIsTakenCannotLeaveAnyMore) {
  auto landing = Lead(ann_);
  Flights::WaiterList taken = landing.Take();
  EXPECT_EQ(Leave(ann_), Outcome::kAlreadyTaken);
  Flights::Waiter* const popped = taken.Pop();
  EXPECT_EQ(Leave(ann_), Outcome::kAlreadyTaken);
  popped->OnLanded(nullptr);
}

TEST_F(AsyncGroupTest, EveryFlightThatNewcomersFindIsSeenWithWhatIsAboard) {
  Caller leader("leader", log_), follower("follower", log_);
  Flights::Landing landing = Lead(leader);
  landing.set_context(std::make_shared<std::string>("work"));
  Follow(follower);
  std::vector<std::string> seen;
  const auto see = [&](const Flights::Joinable& flight) {
    EXPECT_EQ(flight.waiting, 2u);
    EXPECT_EQ(flight.started, now_);
    seen.push_back(*flight.context);
  };
  flights_.ForEachJoinable(see);
  EXPECT_THAT(seen, ElementsAre("work"));
  flights_.Forget("key");
  flights_.ForEachJoinable(see);
  EXPECT_THAT(seen, ElementsAre("work"));
  landing.Land("done");
}

TEST_F(AsyncGroupTest, ForgettingSendsNewcomersToANewFlight) {
  auto old = Lead(ann_);
  EXPECT_TRUE(flights_.Forget("key"));
  EXPECT_FALSE(flights_.Forget("key"));
  EXPECT_TRUE(old.superseded());
  auto fresh = Lead(bob_);
  EXPECT_EQ(flights_.flights(), 2u);
  old.Land("blue");
  Follow(cid_);
  fresh.Land("red");
  EXPECT_THAT(log_, ElementsAre("ann:blue", "bob:red", "cid:red"));
}

TEST_F(AsyncGroupTest, AnOldFlightTakesNoNewcomers) {
  const JoinLimits limits = {.max_join_age = std::chrono::seconds(1)};
  auto old = Lead(ann_, limits);
  now_ += std::chrono::seconds(1);
  Follow(bob_, limits);
  now_ += std::chrono::nanoseconds(1);
  auto fresh = Lead(cid_, limits);
  EXPECT_TRUE(old.superseded());
  EXPECT_FALSE(fresh.superseded());
  old.Land("blue");
  fresh.Land("red");
  EXPECT_THAT(log_, ElementsAre("ann:blue", "bob:blue", "cid:red"));
}

TEST_F(AsyncGroupTest, WhoMayNotLeadFollowsOrNothingHappens) {
  EXPECT_EQ(flights_.Follow("key", ann_, now_).waiting, 0u);
  EXPECT_FALSE(ann_.aboard());
  EXPECT_EQ(flights_.flights(), 0u);
  auto landing = Lead(ann_, {.max_waiters = 2});
  EXPECT_EQ(flights_.Follow("key", bob_, now_, {.max_waiters = 2}).waiting, 2u);
  EXPECT_EQ(flights_.Follow("key", cid_, now_, {.max_waiters = 2}).waiting, 0u);
  EXPECT_FALSE(landing.superseded()) << "who does not lead takes no flight's place";
  landing.Land("blue");
  EXPECT_THAT(log_, ElementsAre("ann:blue", "bob:blue"));
}

TEST_F(AsyncGroupTest, AFullFlightTakesNoNewcomers) {
  const JoinLimits limits = {.max_waiters = 2};
  auto full = Lead(ann_, limits);
  Follow(bob_, limits);
  auto next = Lead(cid_, limits);
  EXPECT_TRUE(full.superseded());
}

TEST_F(AsyncGroupTest, AFlightFromBeforeAnInvalidationTakesNoNewcomers) {
  auto old = Lead(ann_, {.generation = 4});
  Follow(bob_, {.generation = 5, .min_generation = 4});
  auto fresh = Lead(cid_, {.generation = 5, .min_generation = 5});
  EXPECT_TRUE(old.superseded());
  EXPECT_FALSE(fresh.superseded());
  old.Land("blue");
  fresh.Land("red");
  EXPECT_THAT(log_, ElementsAre("ann:blue", "bob:blue", "cid:red"));
}

TEST_F(AsyncGroupTest, AFlightHasTheGenerationThatItsLeaderKnewOf) {
  auto landing = Lead(ann_, {.generation = 7, .min_generation = 3});
  Follow(bob_, {.generation = 0, .min_generation = 7});
  Follow(cid_);
  EXPECT_FALSE(landing.superseded());
}

TEST_F(AsyncGroupTest, AFlightThatIsUsedAgainHasItsNewGeneration) {
  Lead(ann_, {.generation = 7}).Land("blue");
  auto old = Lead(bob_, {.generation = 4});
  auto fresh = Lead(cid_, {.generation = 5, .min_generation = 5});
  EXPECT_TRUE(old.superseded());
}

TEST_F(AsyncGroupTest, TheFirstOfAnotherPartyGetsTheMeansToTellAndNobodyElse) {
  const int red = 0, blue = 0;
  auto landing = Lead(ann_, {.party = &red});
  ASSERT_TRUE(landing.set_context(std::make_shared<std::string>("the work")));
  EXPECT_EQ(flights_.Join("key", bob_, now_, {.party = &red}).widened, nullptr);
  EXPECT_FALSE(landing.widened());
  EXPECT_EQ(*flights_.Follow("key", cid_, now_, {.party = &blue}).widened, "the work");
  EXPECT_TRUE(landing.widened());
  Leave(cid_);
  EXPECT_EQ(flights_.Join("key", cid_, now_, {.party = &blue}).widened, nullptr) << "it is told";
}

TEST_F(AsyncGroupTest, AFlightThatIsUsedAgainIsItsNewLeadersAlone) {
  const int red = 0, blue = 0;
  auto first = Lead(ann_, {.party = &red});
  Follow(bob_, {.party = &blue});
  first.Land("blue");
  auto next = Lead(cid_, {.party = &blue});
  Follow(ann_, {.party = &blue});
  EXPECT_FALSE(next.widened());
}

TEST_F(AsyncGroupTest, AKeyIsConsumedByTheLeaderOnly) {
  std::string mine = "a key too long to be kept inside of a string", yours = mine;
  auto led = flights_.Join(std::move(mine), ann_, now_);
  EXPECT_EQ(led.landing.key(), yours);
  (void)flights_.Join(std::move(yours), bob_, now_);
  EXPECT_EQ(yours, led.landing.key());
}

// Asks again until it has been answered three times.
class Insistent : public Flights::Waiter {
 public:
  explicit Insistent(Flights& flights) : flights_(flights) {}
  void Ask() {
    auto joined = flights_.Join("key", *this, {});
    joined.landing.Land("blue");
  }
  void OnLanded(const std::string*) override {
    if (++answers_ < 3) Ask();
  }
  int answers() const { return answers_; }

 private:
  Flights& flights_;
  int answers_ = 0;
};

TEST_F(AsyncGroupTest, ACallbackMayJoinAgain) {
  Insistent insistent(flights_);
  insistent.Ask();
  EXPECT_EQ(insistent.answers(), 3);
}

class Mayfly : public Flights::Waiter {
 public:
  explicit Mayfly(int& alive) : alive_(alive) { ++alive_; }
  ~Mayfly() override { --alive_; }
  void OnLanded(const std::string*) override { delete this; }

 private:
  int& alive_;
};

TEST_F(AsyncGroupTest, ACallbackMayDeleteItsWaiter) {
  int alive = 0;
  auto landing = std::move(flights_.Join("key", *new Mayfly(alive), now_).landing);
  (void)flights_.Join("key", *new Mayfly(alive), now_);
  landing.Land("blue");
  EXPECT_EQ(alive, 0);
}

struct SameHash {
  size_t operator()(const std::string&) const { return 7; }
};

TEST(AsyncGroupKeysTest, KeysThatOnlyShareTheirHashShareNothingElse) {
  using Colliding = AsyncGroup<std::string, std::string, std::monostate, SameHash>;
  std::vector<std::string> log;
  Caller ann("ann", log), bob("bob", log);
  Colliding flights;
  auto first = flights.Join("a", ann, {});
  auto second = flights.Join("b", bob, {});
  EXPECT_EQ(second.role, Role::kLeader);
  second.landing.Land("b");
  first.landing.Land("a");
  EXPECT_THAT(log, ElementsAre("bob:b", "ann:a"));
}

// Found by fuzzing; AddressSanitizer fills what is allocated, and so makes it certain.
TEST(AsyncGroupContextTest, AContextThatWasNeverSetIsEmptyEvenIfItIsARawPointer) {
  using Group = AsyncGroup<std::string, std::string, int*>;
  struct Caller final : Group::Waiter {
    void OnLanded(const std::string*) override {}
  };
  Group group;
  Caller caller;
  Group::Joined joined = group.Join("a", caller, {});
  const Group::Left left = group.Leave(caller, OnLast::kRetire);
  EXPECT_EQ(left.outcome, Group::Left::Outcome::kLeftLast);
  EXPECT_EQ(left.context, nullptr);
}

// A context whose destructor looks at the group, which would deadlock under its lock.
TEST(AsyncGroupContextTest, AContextDiesOutsideTheLock) {
  using Group = AsyncGroup<std::string, std::string, std::shared_ptr<void>>;
  std::vector<std::string> log;
  Caller ann("ann", log);
  Group flights;
  int died = 0;
  const auto context = [&] {
    return std::shared_ptr<void>(nullptr, [&](void*) { died += 1 + flights.waiting(); });
  };
  auto joined = flights.Join("key", ann, {});
  joined.landing.set_context(context());
  joined.landing.set_context(context());
  EXPECT_EQ(died, 2);
  joined.landing.Land("blue");
  EXPECT_EQ(died, 3);
}

}  // namespace
}  // namespace singleflight
