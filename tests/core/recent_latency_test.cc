#include "server/core/recent_latency.h"

#include <gtest/gtest.h>

namespace singleflight::core {
namespace {

TEST(RecentLatencyTest, NothingIsSaidOfFewCalls) {
  RecentLatency latency;
  for (size_t i = 1; i < RecentLatency::kEnough; ++i) latency.Note(absl::Milliseconds(5));
  EXPECT_EQ(latency.p95(), absl::nullopt);
  latency.Note(absl::Milliseconds(5));
  EXPECT_EQ(latency.p95(), absl::Milliseconds(5));
}

TEST(RecentLatencyTest, FiveInAHundredTakeLonger) {
  RecentLatency latency;
  for (size_t i = 0; i < RecentLatency::kSamples; ++i) {
    latency.Note(absl::Milliseconds(static_cast<int64_t>(i * 7 % RecentLatency::kSamples)));
  }
  EXPECT_EQ(latency.p95(), absl::Milliseconds(243));
}

TEST(RecentLatencyTest, WhatIsLongAgoIsForgotten) {
  RecentLatency latency;
  for (size_t i = 0; i < RecentLatency::kSamples; ++i) latency.Note(absl::Seconds(1));
  EXPECT_EQ(latency.p95(), absl::Seconds(1));
  for (size_t i = 0; i < RecentLatency::kSamples; ++i) latency.Note(absl::Milliseconds(2));
  EXPECT_EQ(latency.p95(), absl::Milliseconds(2));
}

TEST(RecentLatencyTest, TheLongestAndTheShortestAreNoTrouble) {
  RecentLatency latency;
  for (size_t i = 0; i < RecentLatency::kEnough; ++i) latency.Note(absl::InfiniteDuration());
  EXPECT_GT(latency.p95(), absl::Minutes(70));
  for (size_t i = 0; i < RecentLatency::kSamples; ++i) latency.Note(absl::ZeroDuration());
  EXPECT_EQ(latency.p95(), absl::Microseconds(1));
}

}  // namespace
}  // namespace singleflight::core
