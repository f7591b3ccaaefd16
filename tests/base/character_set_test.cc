#include "server/base/character_set.h"

#include <gtest/gtest.h>

namespace singleflight::base {
namespace {

constexpr CharacterSet kLetters([](uint8_t c) { return c >= 'a' && c <= 'z'; });
constexpr CharacterSet kObsText([](uint8_t c) { return c >= 0x80; });

TEST(CharacterSetTest, ATextHasOnlyCharactersOfTheSetOrNot) {
  EXPECT_TRUE(kLetters.HasAllOf(""));
  EXPECT_TRUE(kLetters.HasAllOf("abcxyz"));
  for (const char* text : {"0bcde", "ab0de", "abcd0", "ABC", "a\xc3\xa4"}) {
    EXPECT_FALSE(kLetters.HasAllOf(text)) << text;
  }
}

TEST(CharacterSetTest, BytesAboveAsciiAreCharactersToo) {
  EXPECT_TRUE(kObsText.HasAllOf("\x80\xff"));
  EXPECT_FALSE(kObsText.Has('\x7f'));
}

TEST(CharacterSetTest, ASpanEndsBeforeTheFirstOther) {
  EXPECT_EQ(kLetters.Span(""), 0u);
  EXPECT_EQ(kLetters.Span("-abc"), 0u);
  EXPECT_EQ(kLetters.Span("abc-def"), 3u);
  EXPECT_EQ(kLetters.Span("abcdefg"), 7u);
}

}  // namespace
}  // namespace singleflight::base
