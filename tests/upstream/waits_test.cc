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
  waits.Leave(second);
  EXPECT_EQ(waits.oldest(), At(1));
  waits.Leave(first);
  EXPECT_EQ(waits.oldest(), At(3));
  waits.Leave(third);
  EXPECT_FALSE(waits.oldest().has_value());
}

TEST(WaitsTest, WhoLeavesTwiceLeavesOnce) {
  Waits waits;
  Waits::Place first, second;
  waits.Join(first, At(1));
  waits.Join(second, At(2));
  waits.Leave(first);
  waits.Leave(first);
  EXPECT_EQ(waits.oldest(), At(2));
  waits.Leave(second);
  waits.Join(first, At(3));
  EXPECT_EQ(waits.oldest(), At(3));
  waits.Leave(first);
}

}  // namespace
}  // namespace singleflight::upstream
