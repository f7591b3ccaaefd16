// Gather: a caller is never aboard a flight that was started before it came. What follows from that
// for each way in which flights and callers can end while others gather.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "singleflight/async_group.h"

namespace singleflight {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Work {
  std::string name;
  std::vector<std::string>& log;
};

using Flights = AsyncGroup<std::string, std::string, std::shared_ptr<Work>>;
using Outcome = Flights::Left::Outcome;
using std::chrono::seconds;

void NoteTurn(const std::shared_ptr<Work>& work) { work->log.push_back("turn of " + work->name); }

class Caller : public Flights::Waiter {
 public:
  Caller(std::string name, std::vector<std::string>& log) : name_(std::move(name)), log_(log) {}

  void OnLanded(const std::string* result) override {
    log_.push_back(name_ + ":" + (result == nullptr ? "nobody" : *result));
  }
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
  std::vector<std::string>& log_;
};

class GatheringTest : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(flights_.flights(), 0u);
    EXPECT_EQ(flights_.waiting(), 0u);
  }

  // Leads a flight that is started.
  Flights::Landing Start(Caller& caller, const JoinLimits& limits = kLimits) {
    auto joined = flights_.Gather("key", caller, now_, limits);
    EXPECT_EQ(joined.role, Role::kLeader);
    EXPECT_EQ(Await(caller, joined.landing), std::nullopt);
    EXPECT_FALSE(joined.landing.gathers());
    return std::move(joined.landing);
  }

  // Leads a flight that gathers.
  Flights::Landing Wait(Caller& caller, const JoinLimits& limits = kLimits) {
    auto joined = flights_.Gather("key", caller, now_, limits);
    EXPECT_EQ(joined.role, Role::kLeader);
    EXPECT_TRUE(Await(caller, joined.landing).has_value());
    EXPECT_TRUE(joined.landing.gathers());
    return std::move(joined.landing);
  }

  void Follow(Caller& caller, const JoinLimits& limits = kLimits) {
    const auto joined = flights_.Gather("key", caller, now_, limits);
    EXPECT_EQ(joined.role, Role::kFollower);
    EXPECT_FALSE(joined.landing);
  }

  std::optional<Flights::TimePoint> Await(Caller& caller, Flights::Landing& landing) {
    return landing.AwaitTurn(std::make_shared<Work>(Work{caller.name(), log_}), now_, NoteTurn);
  }

  static constexpr JoinLimits kLimits = {.max_join_age = seconds(1)};

  std::vector<std::string> log_;
  Caller ann_{"ann", log_}, bob_{"bob", log_}, cid_{"cid", log_}, dan_{"dan", log_},
      eve_{"eve", log_};
  Flights::TimePoint now_{seconds(100)};
  Flights flights_;
};

// PITFALLS 32, without any purge
TEST_F(GatheringTest, ACallerDoesNotJoinAFlightThatWasStartedBeforeItCame) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  Follow(cid_);
  first.Land("old");
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:old"));
  EXPECT_TRUE(second.Start(now_));
  second.Land("new");
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:old", "bob:new", "cid:new"));
}

TEST_F(GatheringTest, TheLeaderIsToldSinceWhenTheOneAheadIsOut) {
  auto first = Start(ann_);
  const auto since = now_;
  now_ += seconds(1);
  auto second = flights_.Gather("key", bob_, now_, kLimits).landing;
  EXPECT_EQ(Await(bob_, second), since);
  first.Land("old");
  second.Land("new");
}

// Between its turn and its start others may still come.
TEST_F(GatheringTest, WhoeverComesBeforeTheStartIsAboard) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  first.Land("old");
  Follow(cid_);
  EXPECT_TRUE(second.gathers());
  second.Start(now_);
  auto third = Wait(dan_);
  second.Land("new");
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:old", "turn of dan", "bob:new", "cid:new"));
  third.Land("newest");
}

TEST_F(GatheringTest, OthersGatherAgainWhileTheNextIsInTheAir) {
  auto landing = Start(ann_);
  for (Caller* caller : {&bob_, &cid_, &dan_}) {
    auto next = Wait(*caller);
    landing.Land("past");
    next.Start(now_);
    landing = std::move(next);
  }
  EXPECT_EQ(flights_.flights(), 1u);
  landing.Land("last");
}

// The turn comes before its leader could say whom to tell.
TEST_F(GatheringTest, ATurnThatComesEarlyIsNotLost) {
  auto first = Start(ann_);
  auto second = flights_.Gather("key", bob_, now_, kLimits).landing;
  first.Land("old");
  EXPECT_THAT(log_, ElementsAre("ann:old"));
  EXPECT_EQ(Await(bob_, second), std::nullopt);
  EXPECT_FALSE(second.gathers());
  auto third = Wait(cid_);
  second.Land("new");
  third.Land("newest");
}

TEST_F(GatheringTest, AFlightThatIsStartedEarlyTakesThePlaceOfTheOneAhead) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  now_ += seconds(1);
  EXPECT_TRUE(second.Start(now_));
  EXPECT_TRUE(first.superseded());
  EXPECT_FALSE(second.superseded());
  auto third = Wait(cid_);  // behind the second, not the first
  first.Land("old");
  EXPECT_THAT(log_, ElementsAre("ann:old"));
  second.Land("new");
  EXPECT_THAT(log_, ElementsAre("ann:old", "turn of cid", "bob:new"));
  third.Land("newest");
}

TEST_F(GatheringTest, BehindAFlightThatIsTooOldNobodyGathers) {
  auto first = Start(ann_);
  now_ += seconds(1) + std::chrono::nanoseconds(1);
  auto second = Start(bob_);
  EXPECT_TRUE(first.superseded());
  first.Land("old");
  second.Land("new");
}

// An owner that forgets to start what gathers does not hold up those who come later.
TEST_F(GatheringTest, AFlightThatHasGatheredForTooLongTakesNoNewcomers) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  now_ += seconds(2) + std::chrono::nanoseconds(2);
  auto third = Start(cid_);
  third.Land("newest");
  first.Land("old");
  EXPECT_THAT(log_, ElementsAre("cid:newest", "turn of bob", "ann:old"));
  second.Land("new");
}

// Who began to gather just behind the first is due when the first is too old. A newcomer that is
// faster than the owner's timer joins it, rather than be a third one.
TEST_F(GatheringTest, WhoeverComesBeforeALateStartIsAboard) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  now_ += seconds(1) + std::chrono::nanoseconds(1);
  Follow(cid_);
  EXPECT_TRUE(second.Start(now_));
  first.Land("old");
  second.Land("new");
  EXPECT_THAT(log_, ElementsAre("ann:old", "bob:new", "cid:new"));
}

// One more does not wait: else flights would queue up, each behind the other.
TEST_F(GatheringTest, WhereTheOneThatGathersIsFullTheNextCallerIsNotHeldUp) {
  const JoinLimits limits = {.max_waiters = 2, .max_join_age = seconds(1)};
  auto first = Start(ann_, limits);
  auto second = Wait(bob_, limits);
  Follow(cid_, limits);
  auto third = Start(dan_, limits);
  auto fourth = Wait(eve_, limits);
  EXPECT_TRUE(first.superseded());
  EXPECT_TRUE(second.superseded());
  third.Land("third");
  EXPECT_THAT(log_, ElementsAre("turn of eve", "dan:third"));
  log_.clear();
  first.Land("first");
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:first"));
  EXPECT_TRUE(second.Start(now_));
  auto fifth = flights_.FollowGathering("key", ann_, now_, limits);
  EXPECT_EQ(fifth.waiting, 2u);  // with eve: what the second did changed nothing for the fourth
  second.Land("second");
  fourth.Land("fourth");
}

TEST_F(GatheringTest, AnInvalidationKeepsNobodyFromWorkThatHasNotBegun) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  JoinLimits limits = kLimits;
  limits.generation = limits.min_generation = 7;
  Follow(cid_, limits);
  first.Land("old");
  second.Land("new");
}

TEST_F(GatheringTest, WhoeverMayNotLeadFollowsWhatGathersAndNothingElse) {
  EXPECT_EQ(flights_.FollowGathering("key", bob_, now_).waiting, 0u);
  auto first = Start(ann_);
  EXPECT_EQ(flights_.FollowGathering("key", bob_, now_).waiting, 0u);
  auto second = Wait(cid_);
  EXPECT_EQ(flights_.FollowGathering("key", bob_, now_).waiting, 2u);
  first.Land("old");
  second.Land("new");
}

TEST_F(GatheringTest, ACallerThatJoinsAnythingPrefersWhatIsInTheAir) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  EXPECT_EQ(flights_.Join("key", cid_, now_, kLimits).waiting, 2u);
  first.Land("old");
  EXPECT_EQ(flights_.Join("key", dan_, now_, kLimits).waiting, 2u);
  second.Land("new");
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:old", "cid:old", "bob:new", "dan:new"));
}

TEST_F(GatheringTest, ALandingThatIsDestroyedGivesTheTurnToTheNext) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  first = Flights::Landing();
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:nobody"));
  second.Land("new");
}

TEST_F(GatheringTest, ALandingThatIsDestroyedWhileItGathersTellsEveryone) {
  auto first = Start(ann_);
  {
    auto second = Wait(bob_);
    Follow(cid_);
  }
  EXPECT_THAT(log_, ElementsAre("bob:nobody", "cid:nobody"));
  auto third = Wait(dan_);  // the first is in the air still
  first.Land("old");
  third.Land("new");
}

TEST_F(GatheringTest, TheLeaderLeavingDoesNotEndTheGathering) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  Follow(cid_);
  EXPECT_EQ(flights_.Leave(bob_, OnLast::kRetire).outcome, Outcome::kLeft);
  Follow(dan_);
  first.Land("old");
  EXPECT_TRUE(second.Start(now_));
  second.Land("new");
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:old", "cid:new", "dan:new"));
}

// Or a caller that comes and goes would have a call sent each time.
TEST_F(GatheringTest, AfterTheLastHasLeftTheNextGathersAgain) {
  auto first = Start(ann_);
  for (int i = 0; i < 3; ++i) {
    auto second = Wait(bob_);
    const Flights::Left left = flights_.Leave(bob_, OnLast::kRetire);
    EXPECT_EQ(left.outcome, Outcome::kLeftLast);
    EXPECT_EQ(left.context->name, "bob");
    EXPECT_FALSE(second.Start(now_));
    EXPECT_TRUE(second.Take().empty());
  }
  EXPECT_FALSE(first.superseded());
  auto third = Wait(cid_);
  first.Land("old");
  EXPECT_THAT(log_, ElementsAre("turn of cid", "ann:old"));
  third.Land("new");
}

TEST_F(GatheringTest, NobodyJoinsAFlightThatAllHaveLeftAndThatHasNotLandedYet) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  EXPECT_EQ(flights_.Leave(bob_, OnLast::kRetire).outcome, Outcome::kLeftLast);
  auto third = Wait(cid_);
  EXPECT_TRUE(second.Take().empty());
  first.Land("old");
  EXPECT_THAT(log_, ElementsAre("turn of cid", "ann:old"));
  third.Land("new");
}

TEST_F(GatheringTest, AFlightThatIsKeptGathersOnThoughNobodyIsAboard) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  EXPECT_EQ(flights_.Leave(bob_, OnLast::kKeep).outcome, Outcome::kLeftLast);
  Follow(cid_);
  first.Land("old");
  EXPECT_TRUE(second.Start(now_));
  second.Land("new");
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:old", "cid:new"));
}

// The call ahead is being cancelled. Those who gather stay findable, and wait until it is gone.
TEST_F(GatheringTest, WhenTheLastOfTheOneAheadLeavesOthersGatherOn) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  EXPECT_EQ(flights_.Leave(ann_, OnLast::kRetire).outcome, Outcome::kLeftLast);
  Follow(cid_);
  EXPECT_THAT(log_, IsEmpty());
  EXPECT_TRUE(first.Take().empty());
  EXPECT_THAT(log_, ElementsAre("turn of bob"));
  second.Start(now_);
  second.Land("new");
}

TEST_F(GatheringTest, ForgetHidesBothAndTheGatheringStillGetsItsTurn) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  EXPECT_TRUE(flights_.Forget("key"));
  EXPECT_FALSE(flights_.Forget("key"));
  auto third = Start(cid_);
  first.Land("old");
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:old"));
  EXPECT_TRUE(second.Start(now_));
  auto fourth = Wait(dan_);  // behind the third
  second.Land("new");
  third.Land("third");
  EXPECT_THAT(log_, ElementsAre("turn of bob", "ann:old", "bob:new", "turn of dan", "cid:third"));
  fourth.Land("fourth");
}

TEST_F(GatheringTest, WhatGathersIsSeenBesideWhatIsInTheAir) {
  auto first = Start(ann_);
  auto second = Wait(bob_);
  Follow(cid_);
  std::vector<std::string> seen;
  flights_.ForEachJoinable([&](const Flights::Joinable& joinable) {
    seen.push_back(joinable.context->name + " " + std::to_string(joinable.waiting));
  });
  EXPECT_THAT(seen, ElementsAre("ann 1", "bob 2"));
  first.Land("old");
  second.Land("new");
}

TEST_F(GatheringTest, TheFirstOfAnotherPartyGetsTheContextOfWhatGathers) {
  JoinLimits of_bob = kLimits, of_cid = kLimits;
  of_bob.party = &bob_;
  of_cid.party = &cid_;
  auto first = Start(ann_, of_bob);
  auto second = Wait(bob_, of_bob);
  auto joined = flights_.Gather("key", cid_, now_, of_cid);
  ASSERT_NE(joined.widened, nullptr);
  EXPECT_EQ(joined.widened->name, "bob");
  EXPECT_TRUE(second.widened());
  EXPECT_FALSE(first.widened());
  first.Land("old");
  second.Land("new");
}

// PITFALLS 2: what was pooled carries no turn to another key.
TEST_F(GatheringTest, AFlightThatIsUsedAgainHasNoneBehindIt) {
  Flights flights(1);
  auto first = flights.Gather("a", ann_, now_, kLimits).landing;
  auto second = flights.Gather("a", bob_, now_, kLimits).landing;
  ASSERT_TRUE(Await(bob_, second).has_value());
  second.Land("unsent");
  first.Land("old");
  log_.clear();
  auto other = flights.Gather("b", cid_, now_, kLimits).landing;
  other.Land("of b");
  EXPECT_THAT(log_, ElementsAre("cid:of b"));
}

}  // namespace
}  // namespace singleflight
