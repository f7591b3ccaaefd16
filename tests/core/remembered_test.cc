#include "server/core/remembered.h"

#include <gtest/gtest.h>

namespace singleflight::core {
namespace {

constexpr absl::Duration kFirst = absl::Seconds(10);

class RememberedTest : public ::testing::Test {
 protected:
  absl::optional<absl::Duration> Note(uint64_t hash) { return remembered_.Note(hash, now_); }
  bool Holds(uint64_t hash) const { return remembered_.Holds(hash, now_); }
  void Advance(absl::Duration duration) { now_ = base::After(now_, duration); }

  base::Instant now_ = base::Instant() + std::chrono::hours(1);
  Remembered remembered_{3, kFirst, 5 * kFirst};
};

TEST_F(RememberedTest, HoldsWhatItWasToldAndNothingElse) {
  EXPECT_FALSE(Holds(1));
  Note(1);
  EXPECT_TRUE(Holds(1));
  EXPECT_FALSE(Holds(2));
}

TEST_F(RememberedTest, ForgetsAfterAWhile) {
  EXPECT_EQ(Note(1), kFirst);
  Advance(kFirst - absl::Nanoseconds(1));
  EXPECT_TRUE(Holds(1));
  Advance(absl::Nanoseconds(1));
  EXPECT_FALSE(Holds(1));
}

TEST_F(RememberedTest, ANoteOfWhatIsRememberedChangesNothing) {
  Note(1);
  Advance(kFirst / 2);
  EXPECT_EQ(Note(1), absl::nullopt);
  Advance(kFirst / 2);
  EXPECT_FALSE(Holds(1));
}

TEST_F(RememberedTest, WhatComesAgainIsRememberedForTwiceAsLongUpToTheMost) {
  for (const int times : {1, 2, 4, 5, 5}) {
    EXPECT_EQ(Note(1), times * kFirst);
    Advance(times * kFirst - absl::Nanoseconds(1));
    EXPECT_TRUE(Holds(1));
    Advance(absl::Nanoseconds(1));
    EXPECT_FALSE(Holds(1));
  }
}

TEST_F(RememberedTest, WhatIsForgottenEndsImmediatelyAndBeginsAnew) {
  Note(1);
  Advance(kFirst);
  Note(1);
  Advance(kFirst);
  remembered_.Forget(1);
  EXPECT_FALSE(Holds(1));
  EXPECT_EQ(Note(1), kFirst);
}

TEST_F(RememberedTest, WhatKeepsComingAndGoingIsNewsOnceInAWhile) {
  EXPECT_TRUE(Note(1).has_value());
  for (int i = 1; i < 10; ++i) {
    Advance(kFirst / 10);
    remembered_.Forget(1);
    EXPECT_EQ(Note(1).has_value(), false) << i;
    EXPECT_TRUE(Holds(1));
  }
}

// PITFALLS 30
TEST_F(RememberedTest, NeverHoldsMoreThanItsBound) {
  for (uint64_t hash = 0; hash < 10'000; ++hash) Note(hash);
  EXPECT_EQ(remembered_.size(), 3);
}

TEST_F(RememberedTest, WhenItIsFullTheOldestGivesWay) {
  for (uint64_t hash = 1; hash <= 4; ++hash) Note(hash);
  EXPECT_FALSE(Holds(1));
  for (uint64_t hash = 2; hash <= 4; ++hash) EXPECT_TRUE(Holds(hash));
}

TEST_F(RememberedTest, TheSameNoteAgainCostsNoOtherItsPlace) {
  for (uint64_t hash = 1; hash <= 3; ++hash) Note(hash);
  for (int i = 0; i < 100; ++i) Note(3);
  EXPECT_TRUE(Holds(1));
  EXPECT_EQ(remembered_.size(), 3);
}

}  // namespace
}  // namespace singleflight::core
