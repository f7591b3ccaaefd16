#include "server/cache/eviction_ghosts.h"

#include <gtest/gtest.h>

#include <random>

namespace singleflight::cache {
namespace {

using Queue = EvictionGhosts::Queue;

class EvictionGhostsTest : public ::testing::Test {
 protected:
  EvictionGhostsTest() { ghosts_.Fit(1000); }

  void Leave(Queue queue, int count) {
    for (int i = 0; i < count; ++i) ghosts_.Remember(random_(), 1000, queue);
  }

  EvictionGhosts ghosts_{1 << 20, 100'000, 50'000};
  std::mt19937_64 random_{1};
};

TEST_F(EvictionGhostsTest, AGhostKnowsWhichQueueItLeft) {
  ghosts_.Remember(0x1111'1111'1111'1111, 1000, Queue::kSmall);
  ghosts_.Remember(0x2222'2222'2222'2222, 1000, Queue::kMain);
  EXPECT_EQ(ghosts_.Recall(0x1111'1111'1111'1111), Queue::kSmall);
  EXPECT_EQ(ghosts_.Recall(0x2222'2222'2222'2222), Queue::kMain);
  EXPECT_EQ(ghosts_.Recall(0x3333'3333'3333'3333), Queue::kNone);
}

TEST_F(EvictionGhostsTest, AGhostIsRecalledOnce) {
  ghosts_.Remember(7, 1000, Queue::kSmall);
  EXPECT_EQ(ghosts_.Recall(7), Queue::kSmall);
  EXPECT_EQ(ghosts_.Recall(7), Queue::kNone);
}

TEST_F(EvictionGhostsTest, AGhostIsForgottenWhenItsSpanHasLeftTheSameQueue) {
  ghosts_.Remember(1, 1000, Queue::kMain);
  ghosts_.Remember(2, 1000, Queue::kMain);
  Leave(Queue::kMain, 48);
  EXPECT_EQ(ghosts_.Recall(2), Queue::kMain);
  Leave(Queue::kMain, 1);
  EXPECT_EQ(ghosts_.Recall(1), Queue::kNone);
}

TEST_F(EvictionGhostsTest, WhatLeavesTheOtherQueueMakesNobodyForgotten) {
  ghosts_.Remember(1, 1000, Queue::kMain);
  Leave(Queue::kSmall, 200);
  EXPECT_EQ(ghosts_.Recall(1), Queue::kMain);
}

TEST_F(EvictionGhostsTest, AnOldGhostDoesNotRiseWhenItsClockBeginsAgain) {
  ghosts_.Remember(1, 1000, Queue::kSmall);
  for (uint64_t left = 0; left < 300'000'000; left += 10'000) {
    ghosts_.Remember(2, 10'000, Queue::kSmall);
    ghosts_.Recall(2);  // makes room for itself, so that the old ghost is not replaced
  }
  EXPECT_EQ(ghosts_.Recall(1), Queue::kNone);
}

TEST_F(EvictionGhostsTest, StrangersAreSeldomTakenForGhosts) {
  Leave(Queue::kSmall, 100);
  int mistaken = 0;
  for (int i = 0; i < 10'000; ++i) mistaken += ghosts_.Recall(random_()) != Queue::kNone;
  EXPECT_LT(mistaken, 20);
}

TEST_F(EvictionGhostsTest, MostGhostsAreKeptWhereTheyAreAsManyAsResidents) {
  EvictionGhosts ghosts(1 << 20, 100'000, 50'000);
  ghosts.Fit(100);
  std::mt19937_64 again(5), hashes(5);
  for (int i = 0; i < 100; ++i) ghosts.Remember(hashes(), 1000, Queue::kSmall);
  int kept = 0;
  for (int i = 0; i < 100; ++i) kept += ghosts.Recall(again()) == Queue::kSmall;
  EXPECT_GT(kept, 85);
}

TEST(EvictionGhostsMemoryTest, MemoryGrowsWithResidentsUpToItsBound) {
  EvictionGhosts ghosts(10'000, 1 << 20, 1 << 20);
  EXPECT_EQ(ghosts.memory(), 0);
  for (size_t residents = 1; residents < 5000; ++residents) ghosts.Fit(residents);
  EXPECT_GT(ghosts.memory(), 9'900);
  EXPECT_LE(ghosts.memory(), 10'000);
}

TEST(EvictionGhostsMemoryTest, WithoutMemoryNothingIsRemembered) {
  EvictionGhosts ghosts(0, 1 << 20, 1 << 20);
  ghosts.Fit(10);
  ghosts.Remember(1, 1, Queue::kSmall);
  EXPECT_EQ(ghosts.Recall(1), Queue::kNone);
}

}  // namespace
}  // namespace singleflight::cache
