#include "server/upstream/waits.h"

#include <gtest/gtest.h>

namespace singleflight::upstream {
namespace {

base::Instant At(int seconds) { return base::Instant(std::chrono::seconds(seconds)); }

TEST(WaitsTest, TheCallThatCameFirstHasWaitedLongest) {
  Waits waits;
  Waits::Place first, second, third;
  EXPECT_FALSE(waits.oldest().has_value());
  waits.Join(first, At(1));
  waits.Join(second, At(2));
  waits.Join(third, At(3));
  EXPECT_EQ(waits.oldest(), At(1));
  second.Leave();
  EXPECT_EQ(waits.oldest(), At(1));
  first.Leave();
  EXPECT_EQ(waits.oldest(), At(3));
  third.Leave();
  EXPECT_FALSE(waits.oldest().has_value());
}

TEST(WaitsTest, WhoLeavesTwiceLeavesOnce) {
  Waits waits;
  Waits::Place first, second;
  waits.Join(first, At(1));
  waits.Join(second, At(2));
  first.Leave();
  first.Leave();
  EXPECT_EQ(waits.oldest(), At(2));
  second.Leave();
  waits.Join(first, At(3));
  EXPECT_EQ(waits.oldest(), At(3));
}

TEST(WaitsTest, ACallThatDiesWaitsNoMore) {
  Waits waits;
  Waits::Place last;
  {
    Waits::Place first, second;
    waits.Join(first, At(1));
    waits.Join(second, At(2));
    waits.Join(last, At(3));
  }
  EXPECT_EQ(waits.oldest(), At(3));
  last.Leave();
  EXPECT_FALSE(waits.oldest().has_value());
}

TEST(WaitsTest, ACallMayOutliveWhatItWaitedIn) {
  Waits later;
  Waits::Place first, second;
  {
    Waits waits;
    waits.Join(first, At(1));
    waits.Join(second, At(2));
  }
  first.Leave();
  later.Join(second, At(3));
  EXPECT_EQ(later.oldest(), At(3));
}

}  // namespace
}  // namespace singleflight::upstream
