// `limits`: what is read, and what is refused.

#include "absl/time/time.h"
#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string WithLimit(const std::string& option) { return WithOption("limits: {" + option + "}"); }

TEST(LimitsTest, WithoutALineTheDefaultsHold) {
  EXPECT_EQ(Right(WithOption("")).limits, proxy::LimitOptions());
  EXPECT_FALSE(Right(WithOption("")).limits.max_connections_per_address.has_value());
}

TEST(LimitsTest, EveryLimitIsRead) {
  const proxy::LimitOptions read =
      Right(WithLimit("max_connections: 1, max_connections_per_address: 2, "
                      "max_concurrent_streams: 3, max_header_bytes: 4KiB, max_header_count: 50, "
                      "max_message_bytes: 6KiB, reset_allowance: 7, max_queued_frames: 80, "
                      "handshake_timeout: 9s, first_request_timeout: 10s, idle_timeout: 11s, "
                      "stall_timeout: 12s, request_timeout: 13s, max_connection_age: 14s, "
                      "max_connection_age_grace: 15s, max_buffered_bytes: 16MiB"))
          .limits;
  proxy::LimitOptions expected;
  expected.max_connections = 1;
  expected.max_connections_per_address = 2;
  expected.max_concurrent_streams = 3;
  expected.max_header_bytes = 4 << 10;
  expected.max_header_count = 50;
  expected.max_message_bytes = 6 << 10;
  expected.reset_allowance = 7;
  expected.max_queued_frames = 80;
  expected.handshake_timeout = absl::Seconds(9);
  expected.first_request_timeout = absl::Seconds(10);
  expected.idle_timeout = absl::Seconds(11);
  expected.stall_timeout = absl::Seconds(12);
  expected.request_timeout = absl::Seconds(13);
  expected.max_connection_age = absl::Seconds(14);
  expected.max_connection_age_grace = absl::Seconds(15);
  expected.max_buffered_bytes = 16 << 20;
  EXPECT_EQ(read, expected);
}

TEST(LimitsTest, WhatIsOutOfRangeIsRefusedWithTheRange) {
  EXPECT_THAT(MistakesIn(WithLimit("max_connections: 0")),
              ElementsAre(HasSubstr("\"0\" is not a whole number from 1 to 16777216")));
  EXPECT_THAT(MistakesIn(WithLimit("max_connections_per_address: many")),
              ElementsAre(HasSubstr("\"many\" is not a whole number from 1 to 16777216")));
  EXPECT_THAT(MistakesIn(WithLimit("max_header_bytes: 1MiB")),
              ElementsAre(HasSubstr("allowed are 1KiB to 96KiB")));
  EXPECT_THAT(MistakesIn(WithLimit("stall_timeout: 60")),
              ElementsAre(HasSubstr("is not a duration; try \"1m\"")));
  EXPECT_THAT(MistakesIn(WithLimit("max_conections: 5")),
              ElementsAre(HasSubstr("did you mean \"max_connections\"?")));
}

TEST(LimitsTest, AGraceWithoutAnAgeIsRefused) {
  EXPECT_THAT(MistakesIn(WithLimit("max_connection_age_grace: 5s")),
              ElementsAre(HasSubstr("does nothing without max_connection_age")));
}

}  // namespace
}  // namespace singleflight::config
