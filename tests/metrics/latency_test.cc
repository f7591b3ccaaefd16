#include "server/metrics/latency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "server/metrics/registry.h"

namespace singleflight::metrics {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMillisecond = 1'000'000;

class LatencyTest : public ::testing::Test {
 protected:
  static constexpr LatencyBounds kBounds = LatencyBounds::Of(std::array{0.001, 0.5});
  LatencyHistogram histogram_{kBounds};
};

TEST_F(LatencyTest, ABoundBelongsToTheBucketBelowIt) {
  histogram_.Observe(0);
  histogram_.Observe(kMillisecond);
  histogram_.Observe(kMillisecond + 1);
  EXPECT_EQ(histogram_.bucket(0), 2u);
  EXPECT_EQ(histogram_.bucket(1), 1u);
}

TEST_F(LatencyTest, WhatIsAboveTheLastBoundIsCountedToo) {
  histogram_.Observe(500 * kMillisecond + 1);
  EXPECT_EQ(histogram_.bucket(2), 1u);
  EXPECT_EQ(histogram_.count(), 1u);
}

TEST_F(LatencyTest, TheSumIsOfAllThatWasObserved) {
  histogram_.Observe(3);
  histogram_.Observe(2 * kMillisecond);
  EXPECT_EQ(histogram_.sum(), 2'000'003u);
}

TEST_F(LatencyTest, ItIsShownInSeconds) {
  histogram_.Observe(kMillisecond / 2);
  histogram_.Observe(2500 * kMillisecond);
  Registry registry;
  registry.Add([&](Visitor& visitor) { visitor.Latency("d", "Help.", {}, histogram_); });
  const std::string text = registry.Render();
  EXPECT_THAT(text, HasSubstr("# TYPE d histogram\n"));
  EXPECT_THAT(text, HasSubstr("d_count 2\n"));
  EXPECT_THAT(text, HasSubstr("d_sum 2.5005\n"));
  EXPECT_THAT(text, HasSubstr("d_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("d_bucket{le=\"0.5\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("d_bucket{le=\"+Inf\"} 2\n"));
}

TEST(LatencyBoundsTest, TheDefaultsReachFromFiftyMicrosecondsToAMinute) {
  EXPECT_EQ(kDefaultLatencyBounds.upto[0], 50'000);
  EXPECT_EQ(kDefaultLatencyBounds.upto[kDefaultLatencyBounds.count - 1], 60'000 * kMillisecond);
  EXPECT_LE(kDefaultLatencyBounds.count, kMostLatencyBounds);
}

}  // namespace
}  // namespace singleflight::metrics
