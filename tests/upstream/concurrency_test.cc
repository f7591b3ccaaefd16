// Who gets a slot when more calls come than may be in the air, on several loops.

#include "server/upstream/concurrency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/fakes.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ConcurrencyOptions Fixed(uint32_t limit, absl::Duration max_wait = absl::Milliseconds(100)) {
  ConcurrencyOptions options;
  options.limit = limit;
  options.max_wait = max_wait;
  return options;
}

// Two loops that share the slots of one upstream; calls have names.
class SlotsTest : public ::testing::Test {
 protected:
  ~SlotsTest() override {
    do {
      held_.clear();
      RunAll();
    } while (!held_.empty());
    EXPECT_EQ(slots_->in_flight(), 0);
    EXPECT_EQ(slots_->queued(), 0);
  }

  void AskOfAnAdaptiveLimit() {
    ConcurrencyOptions options;
    options.adaptive = true;
    options.min = 1;
    options.max = 25;
    slots_->SetOptions(options);
    for (int i = 0; i < 15; ++i) Ask(std::to_string(i), a_);
  }

  uint64_t Ask(const std::string& name, core::FakeLoop& loop, size_t wanted = 1,
               const memory::Client* client = nullptr) {
    Concurrency::Entered entered =
        slots_->Enter({wanted, client, loop}, [this, name](absl::optional<Concurrency::Slot> slot) {
          if (slot.has_value()) {
            Hold(name, *std::move(slot));
          } else {
            refused_.push_back(name);
          }
        });
    if (entered.slot.has_value()) Hold(name, *std::move(entered.slot));
    return entered.number;
  }

  void Hold(const std::string& name, Concurrency::Slot slot) {
    served_.push_back(name);
    held_.emplace(name, std::move(slot));
  }

  void End(const std::string& name, absl::Duration kept = absl::Milliseconds(10)) {
    held_.extract(name).mapped().GiveBack(kept);
    RunAll();
  }

  // Calls "name 1", "name 2" and so on.
  void AskOften(const std::string& name, int calls, const memory::Client* client) {
    for (int i = 1; i <= calls; ++i) Ask(name + " " + std::to_string(i), a_, 1, client);
  }

  void RunAll() {
    while (a_.RunAll() || b_.RunAll()) {
    }
  }

  core::FakeLoop a_{0};
  core::FakeLoop b_{1};
  std::shared_ptr<Concurrency> slots_ = std::make_shared<Concurrency>(Fixed(2));
  std::map<std::string, Concurrency::Slot> held_;
  std::vector<std::string> served_;
  std::vector<std::string> refused_;
};

TEST_F(SlotsTest, NoMoreThanTheLimitAreInTheAirOverAllLoops) {
  Ask("1", a_);
  Ask("2", b_);
  Ask("3", a_);
  Ask("4", b_);
  RunAll();
  EXPECT_THAT(served_, ElementsAre("1", "2"));
  EXPECT_EQ(slots_->in_flight(), 2);
  EXPECT_EQ(slots_->queued(), 2);
  End("1");
  End("2");
  EXPECT_THAT(served_, ElementsAre("1", "2", "3", "4"));
}

TEST_F(SlotsTest, TheMostWantedIsNextAndOfThoseTheOldest) {
  Ask("1", a_);
  Ask("2", a_);
  Ask("loner", a_);
  const uint64_t herd = Ask("herd", b_);
  Ask("pair", a_, 2);
  Ask("later pair", b_, 2);
  slots_->SetRanks({{herd, 5}});
  for (const char* name : {"1", "2", "herd", "pair"}) End(name);
  EXPECT_THAT(served_, ElementsAre("1", "2", "herd", "pair", "later pair", "loner"));
}

TEST_F(SlotsTest, OneThatLeavesTakesNoSlot) {
  Ask("1", a_);
  Ask("2", a_);
  const uint64_t gone = Ask("gone", a_);
  Ask("3", b_);
  EXPECT_TRUE(slots_->Leave(gone));
  EXPECT_FALSE(slots_->Leave(gone));
  End("1");
  EXPECT_THAT(served_, ElementsAre("1", "2", "3"));
}

TEST_F(SlotsTest, ASlotThatNobodyTakesComesBack) {
  Ask("1", a_);
  Ask("2", a_);
  Ask("on a loop that stops", b_);
  Ask("3", a_);
  held_.clear();
  b_.Stop();
  RunAll();
  EXPECT_THAT(served_, ElementsAre("1", "2", "3"));
}

TEST_F(SlotsTest, AHigherLimitLetsThoseInThatWait) {
  Ask("1", a_);
  Ask("2", a_);
  Ask("3", b_);
  slots_->SetOptions(Fixed(3));
  RunAll();
  EXPECT_THAT(served_, ElementsAre("1", "2", "3"));
}

// Two slots that are kept for 100 ms serve two calls within max_wait.
TEST_F(SlotsTest, NoMoreWaitThanAreServedInTimeAndTheOldestOfTheLeastWantedGoes) {
  Ask("1", a_);
  Ask("2", a_);
  End("1", absl::Milliseconds(100));
  Ask("3", a_);
  Ask("herd", b_, 3);
  Ask("old", a_);
  RunAll();
  EXPECT_THAT(refused_, IsEmpty());
  Ask("new", b_);
  RunAll();
  EXPECT_THAT(refused_, ElementsAre("old"));
  Ask("newer", b_);
  RunAll();
  EXPECT_THAT(refused_, ElementsAre("old", "new"));
}

TEST_F(SlotsTest, OneClientsCallsDoNotDriveOutThoseOfOthers) {
  const memory::Client greedy, modest;
  slots_->SetOptions(Fixed(4));
  for (const char* name : {"1", "2", "3", "4"}) Ask(name, a_);
  End("1", absl::Milliseconds(100));
  Ask("5", a_);
  Ask("modest", b_, 1, &modest);
  for (int i = 0; i < 20; ++i) Ask("greedy " + std::to_string(i), a_, 1, &greedy);
  RunAll();
  EXPECT_EQ(refused_.size(), 17u) << "four are served within max_wait";
  EXPECT_THAT(refused_, ::testing::Not(::testing::Contains("modest")));
  End("2");
  EXPECT_EQ(served_.back(), "modest");
}

TEST_F(SlotsTest, ACallThatBecomesNobodysIsInNoClientsWay) {
  const memory::Client client;
  Ask("1", a_);
  Ask("2", a_);
  const uint64_t number = Ask("shared", a_, 1, &client);
  slots_->Disown(number);
  slots_->Disown(number);
  End("1");
  EXPECT_EQ(served_.back(), "shared");
}

TEST_F(SlotsTest, TheLastQuarterOfTheSlotsIsForOtherClients) {
  const memory::Client greedy, modest;
  slots_->SetOptions(Fixed(8));
  AskOften("greedy", 20, &greedy);
  EXPECT_EQ(slots_->in_flight(), 6);
  EXPECT_EQ(slots_->queued(), 14);
  AskOften("modest", 2, &modest);
  EXPECT_EQ(slots_->in_flight(), 8);
  EXPECT_THAT(held_, ::testing::Contains(::testing::Key("modest 2")));
}

TEST_F(SlotsTest, WhileOthersWaitAClientWithMoreThanHalfGetsNoMore) {
  const memory::Client greedy, modest;
  slots_->SetOptions(Fixed(8));
  AskOften("greedy", 20, &greedy);
  AskOften("modest", 6, &modest);
  End("greedy 1");
  End("greedy 2");
  EXPECT_THAT(std::vector(served_.end() - 2, served_.end()), ElementsAre("modest 3", "modest 4"));
  End("greedy 3");
  EXPECT_EQ(served_.back(), "greedy 7") << "it has no more than half now, and is the oldest";
}

TEST_F(SlotsTest, WhatWaitsForItsClientsOwnCallsIsServedWhenOneEnds) {
  const memory::Client greedy, modest;
  slots_->SetOptions(Fixed(8));
  AskOften("greedy", 7, &greedy);
  AskOften("modest", 1, &modest);
  End("modest 1");
  EXPECT_EQ(served_.back(), "modest 1");
  End("greedy 1");
  EXPECT_EQ(served_.back(), "greedy 7");
}

TEST_F(SlotsTest, ACallThatBecomesNobodysIsServedPastItsClientsShare) {
  const memory::Client greedy;
  slots_->SetOptions(Fixed(8));
  AskOften("greedy", 6, &greedy);
  const uint64_t shared = Ask("shared", a_, 1, &greedy);
  RunAll();
  EXPECT_EQ(slots_->queued(), 1);
  slots_->Disown(shared);
  RunAll();
  EXPECT_EQ(served_.back(), "shared");
}

// The limit is 8 and may grow.
class StuckSlotsTest : public SlotsTest {
 protected:
  StuckSlotsTest() {
    ConcurrencyOptions options;
    options.adaptive = true;
    options.min = options.max = 8;
    slots_->SetOptions(options);
    options.max = 12;
    slots_->SetOptions(options);
  }

  // As often as pools do while calls wait.
  void Pass(absl::Duration time) {
    const base::Instant end = base::After(now_, time);
    for (; now_ < end; now_ = base::After(now_, absl::Milliseconds(5))) slots_->RaiseIfStuck(now_);
    RunAll();
  }

  base::Instant now_ = base::After(base::Instant(), absl::Hours(1));
};

TEST_F(StuckSlotsTest, CallsThatAreSilentDoNotKeepTheLimitForEver) {
  AskOften("silent", 8, nullptr);
  AskOften("waits", 2, nullptr);
  Pass(absl::Milliseconds(800));
  EXPECT_EQ(slots_->limit(), 8);
  Pass(absl::Milliseconds(300));
  EXPECT_EQ(slots_->limit(), 9);
  EXPECT_EQ(served_.back(), "waits 1");
  Pass(absl::Milliseconds(800));
  EXPECT_EQ(slots_->limit(), 9);
  End("waits 1");
  EXPECT_EQ(served_.back(), "waits 2");
  Pass(absl::Minutes(1));
  EXPECT_EQ(slots_->limit(), 9) << "nothing waits";
}

TEST_F(StuckSlotsTest, AClientThatIsAloneIsNotStuckAtItsShare) {
  const memory::Client client;
  AskOften("silent", 6, &client);
  AskOften("waits", 1, &client);
  Pass(absl::Milliseconds(800));
  EXPECT_EQ(slots_->queued(), 1);
  Pass(absl::Milliseconds(300));
  EXPECT_EQ(served_.back(), "waits 1");
}

TEST_F(StuckSlotsTest, TheLimitGrowsToMaxOnly) {
  AskOften("silent", 20, nullptr);
  Pass(absl::Seconds(60));
  EXPECT_EQ(slots_->limit(), 12);
  EXPECT_EQ(slots_->in_flight(), 12);
}

// While others answer: calls that are cut off everywhere say that all are too busy.
TEST_F(SlotsTest, AnEndpointThatHangsLowersNoLimit) {
  AskOfAnAdaptiveLimit();
  EndpointShared lives, hangs;
  base::Instant now = base::After({}, absl::Hours(1));
  const auto go_on = [&](bool one_answers, bool one_hangs) {
    for (int i = 0; i < 200; ++i) {
      now = base::After(now, absl::Milliseconds(11));
      if (one_answers) slots_->Measure({now, absl::Milliseconds(10), true}, lives);
      if (one_hangs) slots_->Measure({now, absl::Seconds(1), false}, hangs);
    }
  };
  go_on(true, false);
  EXPECT_EQ(slots_->limit(), 25);
  go_on(true, true);
  EXPECT_EQ(slots_->limit(), 25);
  now = base::After(now, absl::Seconds(1));
  go_on(false, true);
  EXPECT_LT(slots_->limit(), 15);
}

TEST_F(SlotsTest, AnEndpointThatIsTooBusyForSomeLowersTheLimit) {
  AskOfAnAdaptiveLimit();
  EndpointShared busy;
  base::Instant now = base::After({}, absl::Hours(1));
  for (int i = 0; i < 400; ++i) {
    now = base::After(now, absl::Milliseconds(11));
    slots_->Measure({now, absl::Milliseconds(10), true}, busy);
    if (i >= 200) slots_->Measure({now, absl::Seconds(1), false}, busy);
  }
  EXPECT_LT(slots_->limit(), 15);
}

TEST_F(SlotsTest, ALimitThatIsGivenStaysWhenCallsAreSilent) {
  AskOften("silent", 3, nullptr);
  base::Instant now;
  for (int i = 0; i < 10; ++i) slots_->RaiseIfStuck(now = base::After(now, absl::Seconds(1)));
  EXPECT_EQ(slots_->limit(), 2);
}

}  // namespace
}  // namespace singleflight::upstream::testing
