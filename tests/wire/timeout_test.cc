#include "server/wire/timeout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace singleflight::wire {
namespace {

// PITFALLS 28
TEST(TimeoutTest, EveryUnitIsRead) {
  EXPECT_EQ(ParseTimeout("7H"), absl::Hours(7));
  EXPECT_EQ(ParseTimeout("7M"), absl::Minutes(7));
  EXPECT_EQ(ParseTimeout("7S"), absl::Seconds(7));
  EXPECT_EQ(ParseTimeout("7m"), absl::Milliseconds(7));
  EXPECT_EQ(ParseTimeout("7u"), absl::Microseconds(7));
  EXPECT_EQ(ParseTimeout("7n"), absl::Nanoseconds(7));
}

// PITFALLS 28
TEST(TimeoutTest, OneToEightDigitsAreRead) {
  EXPECT_EQ(ParseTimeout("0S"), absl::ZeroDuration());
  EXPECT_EQ(ParseTimeout("00000001S"), absl::Seconds(1));
  EXPECT_EQ(ParseTimeout("99999999n"), absl::Nanoseconds(99'999'999));
  EXPECT_EQ(ParseTimeout("99999999H"), absl::Hours(99'999'999));
}

// PITFALLS 28
TEST(TimeoutTest, AnythingElseIsMalformed) {
  for (const char* value :
       {"",   "S",  "5",  "100000000n", "000000001S", "-1S", "+1S",  " 1S",  "1S ", "1 S", "1.5S",
        "1s", "1h", "1U", "1N",         "1ms",        "1d",  "0x1S", "1S1S", "١S",  "inf"}) {
    EXPECT_EQ(ParseTimeout(value), absl::nullopt) << "'" << value << "'";
  }
  EXPECT_EQ(ParseTimeout(absl::string_view("1S\0", 3)), absl::nullopt);
}

TEST(TimeoutTest, IsWrittenInTheFinestUnitThatEightDigitsAllow) {
  EXPECT_EQ(FormatTimeout(absl::Nanoseconds(1)), "1n");
  EXPECT_EQ(FormatTimeout(absl::Nanoseconds(99'999'999)), "99999999n");
  EXPECT_EQ(FormatTimeout(absl::Nanoseconds(100'000'000)), "100000u");
  EXPECT_EQ(FormatTimeout(absl::Seconds(15)), "15000000u");
  EXPECT_EQ(FormatTimeout(absl::Microseconds(100'000'000)), "100000m");
  EXPECT_EQ(FormatTimeout(absl::Seconds(100'000)), "100000S");
  EXPECT_EQ(FormatTimeout(absl::Seconds(100'000'000)), "1666666M");
  EXPECT_EQ(FormatTimeout(absl::Minutes(100'000'000)), "1666666H");
}

TEST(TimeoutTest, WhatIsOverIsTheShortestThatAPeerAccepts) {
  EXPECT_EQ(FormatTimeout(absl::ZeroDuration()), "1n");
  EXPECT_EQ(FormatTimeout(absl::Nanoseconds(1) / 4), "1n");
  EXPECT_EQ(FormatTimeout(-absl::Seconds(3)), "1n");
  EXPECT_EQ(FormatTimeout(-absl::InfiniteDuration()), "1n");
}

TEST(TimeoutTest, WhatIsTooLongIsTheLongestThatThereIs) {
  EXPECT_EQ(FormatTimeout(absl::InfiniteDuration()), "99999999H");
  EXPECT_EQ(FormatTimeout(absl::Hours(100'000'000)), "99999999H");
}

// PITFALLS 28
TEST(TimeoutTest, WritingAndReadingNeverLengthensATimeout) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 100'000; ++i) {
    const auto timeout =
        absl::Nanoseconds(1 + static_cast<int64_t>(random() >> (1 + random() % 63)));
    const std::string written = FormatTimeout(timeout);
    const absl::optional<absl::Duration> read = ParseTimeout(written);
    ASSERT_TRUE(read.has_value()) << written;
    ASSERT_LE(*read, timeout) << written;
    ASSERT_GE(*read, timeout - timeout / 99'999 - absl::Nanoseconds(1)) << written;
  }
}

}  // namespace
}  // namespace singleflight::wire
