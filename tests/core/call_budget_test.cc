#include "server/core/call_budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace singleflight::core {
namespace {

constexpr uint32_t kTenth = 100'000;

class CallBudgetTest : public ::testing::Test {
 protected:
  void Note(int calls) {
    for (int i = 0; i < calls; ++i) budget_.Note(now_);
  }
  int TakeAll(uint32_t millionths = kTenth) {
    int taken = 0;
    while (budget_.Take(millionths, now_)) ++taken;
    return taken;
  }

  CallBudget budget_{3};
  base::Instant now_ = base::Instant() + std::chrono::hours(1);
};

TEST_F(CallBudgetTest, ThereIsAPartOfTheCalls) {
  Note(1000);
  EXPECT_EQ(TakeAll(), 100);
  Note(10);
  EXPECT_EQ(TakeAll(), 1);
}

TEST_F(CallBudgetTest, AFewAreAllowedHoweverQuietItIs) {
  EXPECT_EQ(TakeAll(), 3);
  Note(20);
  EXPECT_EQ(TakeAll(), 0) << "the floor comes in place of the part, and not on top of it";
}

TEST_F(CallBudgetTest, EachAskerHasItsOwnPart) {
  Note(1000);
  EXPECT_EQ(TakeAll(kTenth / 10), 10);
  EXPECT_EQ(TakeAll(kTenth), 90);
}

TEST_F(CallBudgetTest, WhatWasTakenCountsForAPeriodAndTheNext) {
  Note(1000);
  EXPECT_EQ(TakeAll(), 100);
  now_ += CallBudget::kPeriod;
  EXPECT_EQ(TakeAll(), 0);
  now_ += CallBudget::kPeriod;
  EXPECT_EQ(TakeAll(), 3) << "calls and what was taken are both forgotten";
}

TEST_F(CallBudgetTest, OverManyPeriodsItIsNoMoreThanThePart) {
  int taken = 0;
  for (int i = 0; i < 100; ++i) {
    Note(200);
    taken += TakeAll();
    now_ += CallBudget::kPeriod / 2;
  }
  EXPECT_LE(taken, 100 * 200 / 10);
  EXPECT_GE(taken, 100 * 200 / 10 * 9 / 10);
}

TEST_F(CallBudgetTest, AClockThatIsATurnBehindCountsAllTheSame) {
  const base::Instant behind = now_;
  now_ += CallBudget::kPeriod;
  Note(1000);
  budget_.Note(behind);
  EXPECT_TRUE(budget_.Take(kTenth, behind));
  EXPECT_EQ(TakeAll(), 99);
}

TEST_F(CallBudgetTest, LoopsThatTakeTogetherTakeNoMore) {
  Note(10'000);
  std::atomic<int> taken{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { taken += TakeAll(); });
  threads.clear();
  EXPECT_EQ(taken, 1000);
}

}  // namespace
}  // namespace singleflight::core
