#include "server/base/byte_block.h"

#include <gtest/gtest.h>

#include <string>

namespace singleflight::base {
namespace {

constexpr auto kIsX = [](ByteBlock c) { return c == 'x'; };
constexpr auto kIsHigh = [](ByteBlock c) { return c >= 0x80; };

TEST(ByteBlockTest, AByteIsFoundWhereverItIs) {
  for (size_t size = 4; size <= 50; ++size) {
    EXPECT_TRUE(SurelyNone(std::string(size, 'a'), kIsX)) << size;
    for (size_t at = 0; at < size; ++at) {
      std::string text(size, 'a');
      text[at] = 'x';
      EXPECT_FALSE(SurelyNone(text, kIsX)) << at << " of " << size;
    }
  }
}

// What stands before and behind a text is not of it.
TEST(ByteBlockTest, OnlyTheTextIsLookedAt) {
  const std::string around = "x" + std::string(50, 'a') + "x";
  for (size_t size = 4; size <= 50; ++size) {
    EXPECT_TRUE(SurelyNone(absl::string_view(around).substr(1, size), kIsX)) << size;
    EXPECT_TRUE(SurelyNone(absl::string_view(around).substr(51 - size, size), kIsX)) << size;
  }
}

TEST(ByteBlockTest, ShortTextsAreLeftToOthers) {
  for (size_t size = 0; size < 4; ++size) EXPECT_FALSE(SurelyNone(std::string(size, 'a'), kIsX));
}

TEST(ByteBlockTest, BytesHaveNoSign) {
  EXPECT_TRUE(SurelyNone("\x7f\x7f\x7f\x7f", kIsHigh));
  EXPECT_FALSE(SurelyNone("\x7f\x7f\x80\x7f", kIsHigh));
}

}  // namespace
}  // namespace singleflight::base
