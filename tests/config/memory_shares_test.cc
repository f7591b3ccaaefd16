// The bounds that follow the memory which the process may have, and what is said where they do not
// fit.

#include "server/config/memory_shares.h"

#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = 1 << 20;

absl::StatusOr<Loaded> LoadWith(uint64_t memory, const std::string& option) {
  return Load(
      WithOption(option), "f.yaml", [](absl::string_view) { return absl::nullopt; }, memory);
}

Config RightWith(uint64_t memory, const std::string& option = "") {
  const absl::StatusOr<Loaded> loaded = LoadWith(memory, option);
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return loaded.ok() ? loaded->config : Config();
}

std::vector<std::string> WarningsWith(uint64_t memory, const std::string& option) {
  const absl::StatusOr<Loaded> loaded = LoadWith(memory, option);
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return loaded.ok() ? loaded->warnings : std::vector<std::string>();
}

TEST(MemorySharesTest, BoundsThatAreLeftOutAreSharesOfWhatIsAllowed) {
  const struct {
    uint64_t allowed, buffered, held, cache;
  } cases[] = {{64, 19, 13, 6},
               {128, 43, 29, 14},
               {512, 187, 125, 62},
               {1024, 379, 253, 126},
               {65536, 1024, 256, 256}};
  for (const auto& expected : cases) {
    const Config config = RightWith(expected.allowed * kMiB);
    EXPECT_EQ(config.limits.max_buffered_bytes, expected.buffered * kMiB) << expected.allowed;
    EXPECT_EQ(config.upstreams[0].max_held_bytes, expected.held * kMiB) << expected.allowed;
    EXPECT_EQ(config.cache.max_bytes, expected.cache * kMiB) << expected.allowed;
  }
}

TEST(MemorySharesTest, SharesLeaveRoomForWhatMallocAdds) {
  for (uint64_t allowed = 24 * kMiB; allowed < 100'000 * kMiB; allowed *= 2) {
    const Config config = RightWith(allowed);
    EXPECT_LE(kOfTheProcess + config.limits.max_buffered_bytes / 4 * 5 + config.cache.max_bytes,
              allowed);
  }
}

TEST(MemorySharesTest, GrpcTakesItsPartWhereItRuns) {
  for (const char* grpc : {"admin: {grpc: 127.0.0.1:0}", "tracing: {otlp: 127.0.0.1:4317}"}) {
    EXPECT_EQ(RightWith(512 * kMiB, grpc).limits.max_buffered_bytes, 183 * kMiB) << grpc;
  }
  EXPECT_EQ(RightWith(512 * kMiB, "admin: {http: 127.0.0.1:0}").limits.max_buffered_bytes,
            187 * kMiB);
  EXPECT_THAT(
      WarningsWith(512 * kMiB, "admin: {grpc: 127.0.0.1:0}\nlimits: {max_buffered_bytes: 1GiB}"),
      ElementsAre(HasSubstr("the process itself 24MiB")));
}

TEST(MemorySharesTest, WhatTheFileSaysHoldsAndAutoIsTheDefault) {
  const Config named = RightWith(512 * kMiB, "limits: {max_buffered_bytes: 33MiB}");
  EXPECT_EQ(named.limits.max_buffered_bytes, 33 * kMiB);
  EXPECT_EQ(named.upstreams[0].max_held_bytes, 33 * kMiB) << "no more than all together";
  const Config automatic = RightWith(512 * kMiB, "limits: {max_buffered_bytes: auto}");
  EXPECT_EQ(automatic.limits.max_buffered_bytes, 187 * kMiB);
  EXPECT_TRUE(RightWith(512 * kMiB).cache_follows_memory);
}

TEST(MemorySharesTest, DefaultsAreNotWarnedOf) {
  for (const uint64_t allowed : {32, 64, 512, 4096}) {
    EXPECT_THAT(WarningsWith(allowed * kMiB, ""), IsEmpty()) << allowed;
  }
}

// PITFALLS 56
TEST(MemorySharesTest, BoundsThatAllowMoreThanThereIsAreWarnedOfByName) {
  EXPECT_THAT(
      WarningsWith(512 * kMiB, "limits: {max_buffered_bytes: 1GiB}"),
      ElementsAre(AllOf(HasSubstr("4:30: limits.max_buffered_bytes: this process may have 512MiB"),
                        HasSubstr("limits.max_buffered_bytes with a quarter on top 1280MiB"),
                        HasSubstr("cache.max_bytes 62MiB"), HasSubstr("lower one of them"))));
  EXPECT_THAT(WarningsWith(512 * kMiB, "limits: {max_connections: 30000}"),
              ElementsAre(HasSubstr("limits.max_connections at 17KiB each 498MiB")));
  EXPECT_THAT(WarningsWith(512 * kMiB, "limits: {max_connections: 1000}"), IsEmpty());
}

TEST(MemorySharesTest, AnUpstreamThatMayHoldMoreThanAllTogetherIsWarnedOf) {
  EXPECT_THAT(WarningsIn(WithUpstreamOption("max_held_bytes: 2GiB")),
              ElementsAre(AllOf(HasSubstr("6:21: upstreams[0].max_held_bytes: allows 2GiB"),
                                HasSubstr("limits.max_buffered_bytes (1GiB)"))));
}

}  // namespace
}  // namespace singleflight::config
