#include "server/core/remembered.h"

#include <gtest/gtest.h>

namespace singleflight::core {
namespace {

class RememberedTest : public ::testing::Test {
 protected:
  void Note(uint64_t hash, absl::Duration how_long = absl::Minutes(1)) {
    remembered_.Note(hash, now_, how_long);
  }
  bool Holds(uint64_t hash) const { return remembered_.Holds(hash, now_); }
  void Advance(absl::Duration duration) { now_ = base::After(now_, duration); }

  base::Instant now_ = base::Instant() + std::chrono::hours(1);
  Remembered remembered_{3};
};

TEST_F(RememberedTest, HoldsWhatItWasToldAndNothingElse) {
  EXPECT_FALSE(Holds(1));
  Note(1);
  EXPECT_TRUE(Holds(1));
  EXPECT_FALSE(Holds(2));
}

TEST_F(RememberedTest, ForgetsAfterAWhile) {
  Note(1, absl::Seconds(10));
  Advance(absl::Seconds(10) - absl::Nanoseconds(1));
  EXPECT_TRUE(Holds(1));
  Advance(absl::Nanoseconds(1));
  EXPECT_FALSE(Holds(1));
}

TEST_F(RememberedTest, ANewNoteLengthensAnOldOne) {
  Note(1, absl::Seconds(10));
  Advance(absl::Seconds(9));
  Note(1, absl::Seconds(10));
  Advance(absl::Seconds(9));
  EXPECT_TRUE(Holds(1));
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
