// What the adaptive limit learns from what calls take.

#include "server/upstream/concurrency_limit.h"

#include <gtest/gtest.h>

namespace singleflight::upstream::testing {
namespace {

// Feeds the limit with so many windows of calls that all use it, from a backend that works on 50 at
// a time, in 20 ms each, and lets others queue.
int64_t LimitAfter(GradientLimit& limit, int windows, base::Instant& now, double base_ms = 20) {
  for (int i = 0; i < windows; ++i) {
    for (int64_t call = 0; call <= GradientLimit::kLeastCalls; ++call) {
      const double in_flight = static_cast<double>(limit.limit());
      now = base::After(now, absl::Milliseconds(10));
      limit.Add(now, absl::Milliseconds(base_ms * std::max(1.0, in_flight / 50)), limit.limit(),
                true);
    }
  }
  return limit.limit();
}

TEST(GradientLimitTest, GrowsToWhatTheBackendCanDoAndNotFarBeyond) {
  GradientLimit limit(10, 1000);
  base::Instant now;
  EXPECT_EQ(limit.limit(), GradientLimit::kFirst);
  EXPECT_GT(LimitAfter(limit, 100, now), 50);
  for (int second = 0; second < 1000; ++second) {
    EXPECT_LT(LimitAfter(limit, 10, now), 100) << "after " << second << " s of overload";
  }
}

TEST(GradientLimitTest, ShrinksWhenTheBackendBecomesSlow) {
  GradientLimit limit(10, 1000);
  base::Instant now;
  const int64_t before = LimitAfter(limit, 100, now);
  EXPECT_LT(LimitAfter(limit, 20, now, 100), before / 2);
  int64_t most = 0;
  for (int second = 0; second < 120; ++second) {
    most = std::max(most, LimitAfter(limit, 10, now, 100));
  }
  EXPECT_GT(most, 50) << "it is slow for good";
}

TEST(GradientLimitTest, StaysWithinItsRange) {
  GradientLimit limit(10, 30);
  base::Instant now;
  EXPECT_EQ(LimitAfter(limit, 100, now), 30);
  EXPECT_EQ(LimitAfter(limit, 100, now, 1000), 10);
  limit.SetRange(40, 60);
  EXPECT_EQ(limit.limit(), 40);
}

TEST(GradientLimitTest, DoesNotGrowWhileItIsNotUsed) {
  GradientLimit limit(10, 1000);
  base::Instant now;
  for (int i = 0; i < 1000; ++i) {
    now = base::After(now, absl::Milliseconds(10));
    limit.Add(now, absl::Milliseconds(20), 2, true);
  }
  EXPECT_EQ(limit.limit(), GradientLimit::kFirst);
}

// So many calls, one each 10 ms.
void AddCalls(GradientLimit& limit, int calls, base::Instant& now, double ms, int64_t in_flight,
              bool answered) {
  for (int i = 0; i < calls; ++i) {
    now = base::After(now, absl::Milliseconds(10));
    limit.Add(now, absl::Milliseconds(ms), in_flight, answered);
  }
}

TEST(GradientLimitTest, CallsThatAreCutOffEarlySayNothing) {
  GradientLimit limit(10, 1000);
  base::Instant now;
  AddCalls(limit, 1000, now, 1, 20, false);
  EXPECT_EQ(limit.limit(), GradientLimit::kFirst);
  const int64_t before = LimitAfter(limit, 100, now);
  EXPECT_GT(before, 50);
  AddCalls(limit, 10'000, now, 1, before, false);
  EXPECT_EQ(limit.limit(), before);
  LimitAfter(limit, 100, now);
  EXPECT_GT(limit.limit(), 50) << "it has not been taught that calls take 1 ms";
}

TEST(GradientLimitTest, CallsThatAreCutOffLateSayThatCallsQueue) {
  GradientLimit limit(10, 1000);
  base::Instant now;
  const int64_t before = LimitAfter(limit, 100, now);
  AddCalls(limit, 200, now, 100, before, false);
  EXPECT_LT(limit.limit(), before / 2);
}

// Calls of 40 ms, where there were such of 20, bring the limit to 16; it is 10 when it probes.
TEST(GradientLimitTest, AProbeEndsThoughCallsOfBeforeAreStillInTheAir) {
  GradientLimit limit(10, 1000);
  base::Instant now;
  LimitAfter(limit, 100, now);
  for (int i = 0; LimitAfter(limit, 1, now, 40) > 10; ++i) ASSERT_LT(i, 1000);
  AddCalls(limit, 50, now, 60'000, 30, true);
  EXPECT_EQ(limit.limit(), 10) << "none of these began since then";
  AddCalls(limit, 300, now, 20, 30, true);
  EXPECT_GT(limit.limit(), 10);
}

}  // namespace
}  // namespace singleflight::upstream::testing
