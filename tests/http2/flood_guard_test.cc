// What is enough, account by account.

#include "server/http2/flood_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::http2 {
namespace {

using ::testing::Optional;

constexpr FloodGuard::Limits kClient = FloodGuard::OfClient(/*wasted_calls=*/5);
constexpr FloodGuard::Verdict kAllowed;

// The first time that doing this is enough; 0: it never is.
template <typename Act>
int FirstFlood(int most, Act act) {
  for (int i = 1; i <= most; ++i) {
    if (act().has_value()) return i;
  }
  return 0;
}

// PITFALLS 35
TEST(FloodGuardTest, WastedCallsAreAllowedToTheirNumber) {
  FloodGuard guard(kClient);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(guard.OnWasted(), kAllowed);
  EXPECT_THAT(guard.OnWasted(), Optional(Bound::kResetAllowance));
}

// PITFALLS 35
TEST(FloodGuardTest, EachCompletedCallAllowsTenMoreBeforeOrAfter) {
  FloodGuard guard(kClient);
  guard.OnCompleted();
  EXPECT_EQ(FirstFlood(100, [&] { return guard.OnWasted(); }), 16);
  for (int i = 0; i < 3; ++i) guard.OnCompleted();
  EXPECT_EQ(FirstFlood(100, [&] { return guard.OnWasted(); }), 30) << "which is 46 of 45";
  EXPECT_EQ(guard.completed(), 4u);
}

TEST(FloodGuardTest, AnAllowanceWithoutLimitIsNeverUsedUp) {
  FloodGuard guard(FloodGuard::OfBackend());
  guard.OnCompleted();
  EXPECT_EQ(FirstFlood(10'000, [&] { return guard.OnWasted(); }), 0);
}

// PITFALLS 27 (CVE-2019-9518)
TEST(FloodGuardTest, DataFramesWithoutAByteAreCountedInARow) {
  const struct {
    const char* in_between;
    size_t length;
    bool ends;
    int first_flood;  // after 999 empty frames and this one
  } kCases[] = {
      {"another", 0, false, 1},
      {"a byte", 1, false, 1001},
      {"one that ends its stream", 0, true, 1001},
      {"the last bytes of a stream", 9, true, 1001},
  };
  for (const auto& c : kCases) {
    FloodGuard guard(kClient);
    for (int i = 0; i < 999; ++i) EXPECT_EQ(guard.OnData(0, false), kAllowed);
    EXPECT_EQ(guard.OnData(c.length, c.ends), kAllowed);
    EXPECT_EQ(FirstFlood(2000, [&] { return guard.OnData(0, false); }), c.first_flood)
        << c.in_between;
  }
}

TEST(FloodGuardTest, ABackendMaySendEmptyFrames) {
  FloodGuard guard(FloodGuard::OfBackend());
  EXPECT_EQ(FirstFlood(100'000, [&] { return guard.OnData(0, false); }), 0);
}

// PITFALLS 27
TEST(FloodGuardTest, AHeaderBlockMayHaveSoManyBytesAndNoMore) {
  const FloodGuard guard({0, 0, 1000});
  EXPECT_EQ(guard.OnBlockBytes(1000), kAllowed);
  EXPECT_THAT(guard.OnBlockBytes(1001), Optional(Bound::kEndlessHeaders));
}

TEST(FloodGuardTest, ABackendMaySayMoreInABlockThanAClient) {
  EXPECT_LT(kClient.block_bytes, FloodGuard::OfBackend().block_bytes);
}

TEST(FloodGuardTest, ABlockMayComeInFramesThatAreHalfFull) {
  EXPECT_EQ(FloodGuard(kClient).most_continuations(), 32u);
  EXPECT_EQ(FloodGuard(FloodGuard::OfBackend()).most_continuations(), 2048u);
}

TEST(FloodGuardTest, FramesAreOnlyCounted) {
  FloodGuard guard(kClient);
  for (int i = 0; i < 3; ++i) guard.OnFrame();
  EXPECT_EQ(guard.frames(), 3u);
}

}  // namespace
}  // namespace singleflight::http2
