// Figures and their units.

#include "server/ctl/figures.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace singleflight::ctl {
namespace {

TEST(FiguresTest, CountsHaveCommas) {
  EXPECT_EQ(Count(0), "0");
  EXPECT_EQ(Count(999), "999");
  EXPECT_EQ(Count(1'000), "1,000");
  EXPECT_EQ(Count(1'203'441), "1,203,441");
  EXPECT_EQ(Count(UINT64_MAX), "18,446,744,073,709,551,615");
  EXPECT_EQ(Gauge(-3), "0");
}

TEST(FiguresTest, BytesHaveTheUnitThatIsReadable) {
  EXPECT_EQ(Bytes(0), "0 B");
  EXPECT_EQ(Bytes(1023), "1023 B");
  EXPECT_EQ(Bytes(1024), "1.0 KiB");
  EXPECT_EQ(Bytes(256 << 20), "256 MiB");
  EXPECT_EQ(Bytes((1 << 20) - 1), "1.0 MiB");
  EXPECT_EQ(Bytes(UINT64_MAX), "16384 PiB");
}

TEST(FiguresTest, SpansHaveTheUnitThatIsReadable) {
  EXPECT_EQ(Span(absl::ZeroDuration()), "0 µs");
  EXPECT_EQ(Span(absl::Seconds(-1)), "0 µs");
  EXPECT_EQ(Span(absl::Microseconds(850)), "850 µs");
  EXPECT_EQ(Span(absl::Microseconds(12'340)), "12.3 ms");
  EXPECT_EQ(Span(absl::Microseconds(999'999)), "1.0 s");
  EXPECT_EQ(Span(absl::Milliseconds(4'200)), "4.2 s");
  EXPECT_EQ(Span(absl::Milliseconds(59'970)), "1 min");
  EXPECT_EQ(Span(absl::Seconds(192)), "3 min 12 s");
  EXPECT_EQ(Span(absl::Minutes(125)), "2 h 5 min");
  EXPECT_EQ(Span(absl::Hours(53)), "2 d 5 h");
}

TEST(FiguresTest, SharesOfNothingAreNone) {
  EXPECT_EQ(Share(923, 1000), "92.3 %");
  EXPECT_EQ(Share(0, 7), "0.0 %");
  EXPECT_EQ(Share(0, 0), kNone);
}

TEST(FiguresTest, RatesAreOfASecond) {
  EXPECT_EQ(PerSecond(2'406, absl::Seconds(2)), "1,203/s");
  EXPECT_EQ(PerSecond(2, absl::Seconds(5)), "0.4/s");
  EXPECT_EQ(PerSecond(0, absl::Seconds(1)), "0/s");
  EXPECT_EQ(PerSecond(7, absl::ZeroDuration()), kNone);
}

TEST(FiguresTest, MomentsAreOfTheZone) {
  EXPECT_EQ(Moment(absl::FromUnixSeconds(0), absl::FixedTimeZone(3600)), "1970-01-01 01:00:00");
  EXPECT_EQ(Ago(absl::FromUnixSeconds(7), absl::FromUnixSeconds(10)), "3.0 s ago");
}

}  // namespace
}  // namespace singleflight::ctl
