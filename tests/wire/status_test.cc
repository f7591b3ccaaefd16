#include "server/wire/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace singleflight::wire {
namespace {

TEST(StatusTest, EveryCodeHasItsNumberAndName) {
  const char* const names[] = {"OK",
                               "CANCELLED",
                               "UNKNOWN",
                               "INVALID_ARGUMENT",
                               "DEADLINE_EXCEEDED",
                               "NOT_FOUND",
                               "ALREADY_EXISTS",
                               "PERMISSION_DENIED",
                               "RESOURCE_EXHAUSTED",
                               "FAILED_PRECONDITION",
                               "ABORTED",
                               "OUT_OF_RANGE",
                               "UNIMPLEMENTED",
                               "INTERNAL",
                               "UNAVAILABLE",
                               "DATA_LOSS",
                               "UNAUTHENTICATED"};
  for (size_t number = 0; number < kStatusCodes; ++number) {
    const absl::optional<StatusCode> code = ParseStatus(absl::StrCat(number));
    ASSERT_TRUE(code.has_value()) << number;
    EXPECT_EQ(NameOf(*code), names[number]);
  }
}

TEST(StatusTest, WhatIsNoCodeIsNotTakenForOne) {
  for (const char* value :
       {"", "17", "99", "100", "-1", "+5", " 5", "5 ", "5,5", "OK", "0x1", "000"}) {
    EXPECT_EQ(ParseStatus(value), absl::nullopt) << "'" << value << "'";
  }
}

TEST(StatusTest, AResetMeansWhatGrpcSaysThatItMeans) {
  EXPECT_EQ(StatusOfReset(0x0), StatusCode::kInternal);           // NO_ERROR
  EXPECT_EQ(StatusOfReset(0x1), StatusCode::kInternal);           // PROTOCOL_ERROR
  EXPECT_EQ(StatusOfReset(0x2), StatusCode::kInternal);           // INTERNAL_ERROR
  EXPECT_EQ(StatusOfReset(0x7), StatusCode::kUnavailable);        // REFUSED_STREAM
  EXPECT_EQ(StatusOfReset(0x8), StatusCode::kCancelled);          // CANCEL
  EXPECT_EQ(StatusOfReset(0xb), StatusCode::kResourceExhausted);  // ENHANCE_YOUR_CALM
  EXPECT_EQ(StatusOfReset(0xc), StatusCode::kPermissionDenied);   // INADEQUATE_SECURITY
  EXPECT_EQ(StatusOfReset(0xffffffff), StatusCode::kInternal);
}

struct Encoding {
  std::string plain;
  std::string encoded;
};

// PITFALLS 28
TEST(StatusMessageTest, IsPercentEncodedOutsidePrintableAscii) {
  const Encoding table[] = {{"", ""},
                            {"no such id: 7", "no such id: 7"},
                            {" ~!\"#$&", " ~!\"#$&"},
                            {"100%", "100%25"},
                            {"a\r\nb", "a%0D%0Ab"},
                            {std::string("\0\x1f\x7f\xff", 4), "%00%1F%7F%FF"},
                            {"K\xc3\xa4se", "K%C3%A4se"}};
  for (const Encoding& row : table) {
    EXPECT_EQ(EncodeMessage(row.plain), row.encoded);
    EXPECT_EQ(DecodeMessage(row.encoded), row.plain);
  }
}

// PITFALLS 28
TEST(StatusMessageTest, LowerCaseHexDigitsAreReadAsWell) {
  EXPECT_EQ(DecodeMessage("K%c3%a4se"), "K\xc3\xa4se");
}

// PITFALLS 28
TEST(StatusMessageTest, WhatIsNotValidEncodingStaysAsItIs) {
  for (const char* value : {"%", "%4", "%zz", "%4z", "%%", "a%", "50% off", "% 41"}) {
    EXPECT_EQ(DecodeMessage(value), value);
  }
  EXPECT_EQ(DecodeMessage("%%41"), "%A");
  EXPECT_EQ(DecodeMessage("%4%41"), "%4A");
}

// PITFALLS 28
TEST(StatusMessageTest, EveryMessageSurvivesTheRoundTrip) {
  std::mt19937 random(7);
  for (int i = 0; i < 10'000; ++i) {
    std::string message(random() % 20, '\0');
    for (char& c : message) c = static_cast<char>(random());
    const std::string encoded = EncodeMessage(message);
    for (char c : encoded) ASSERT_TRUE(c >= 0x20 && c <= 0x7e);
    ASSERT_EQ(DecodeMessage(encoded), message);
  }
}

}  // namespace
}  // namespace singleflight::wire
