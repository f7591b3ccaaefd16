#include "server/http2/huffman.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "tests/http2/frames.h"

namespace singleflight::http2::testing {
namespace {

struct Example {
  const char* code;
  const char* text;
};

// RFC 7541, appendix C.4 and C.6
constexpr Example kExamples[] = {
    {"f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"},
    {"a8eb10649cbf", "no-cache"},
    {"25a849e95ba97d7f", "custom-key"},
    {"25a849e95bb8e8b4bf", "custom-value"},
    {"6402", "302"},
    {"aec3771a4b", "private"},
    {"d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"},
    {"9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com"},
    {"94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
     "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"},
};

TEST(HuffmanTest, TheExamplesOfTheSpecificationAreRead) {
  for (const Example& one : kExamples) {
    HuffmanReader reader;
    std::string text;
    EXPECT_TRUE(reader.Feed(absl::HexStringToBytes(one.code), &text)) << one.text;
    EXPECT_EQ(text, one.text);
    EXPECT_TRUE(reader.MayEnd()) << one.text;
  }
}

TEST(HuffmanTest, HowBytesComeMakesNoDifference) {
  for (const Example& one : kExamples) {
    HuffmanReader reader;
    std::string text;
    for (const char byte : absl::HexStringToBytes(one.code)) {
      EXPECT_TRUE(reader.Feed(absl::string_view(&byte, 1), &text));
    }
    EXPECT_EQ(text, one.text);
  }
}

// nghttp2 codes a value where that makes it shorter.
TEST(HuffmanTest, EveryByteIsRead) {
  std::string all(3000, 'e');
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  const std::string block = HeaderEncoder().Encode({{"x", all}});
  // A literal with a new name of one byte, then the size in three.
  ASSERT_GT(block.size(), 1000u);
  ASSERT_LT(block.size(), all.size());
  size_t code = 2;
  code += 1;
  ASSERT_EQ(static_cast<uint8_t>(block[code]), 0xff) << "coded";
  HuffmanReader reader;
  std::string text;
  EXPECT_TRUE(reader.Feed(absl::string_view(block).substr(code + 3), &text));
  EXPECT_EQ(text, all);
  EXPECT_TRUE(reader.MayEnd());
}

TEST(HuffmanTest, WhatIsNoneOfTheCodeIsFound) {
  std::string text;
  EXPECT_FALSE(HuffmanReader().Feed("\xff\xff\xff\xff", &text)) << "the symbol for the end";
  HuffmanReader zeros;
  EXPECT_TRUE(zeros.Feed(std::string(1, '\0'), &text)) << "'0', and three bits that are no ones";
  EXPECT_FALSE(zeros.MayEnd());
  HuffmanReader idle;
  EXPECT_TRUE(idle.Feed("\xff", &text));
  EXPECT_FALSE(idle.MayEnd()) << "a whole byte of padding";
}

}  // namespace
}  // namespace singleflight::http2::testing
