#include "server/cache/groups.h"

#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

absl::optional<std::vector<std::string>> ReadGroups(const Fields& initial,
                                                    const Fields& trailing = {}) {
  return ParseGroups(HeadersOf(initial), HeadersOf(trailing), kCacheGroups);
}

absl::optional<std::vector<std::string>> ReadGroup(const std::string& value) {
  return ReadGroups({{"cache-groups", value}});
}

TEST(GroupsTest, AFieldListsStrings) {
  EXPECT_THAT(ReadGroup("\"kettles\""), Optional(ElementsAre("kettles")));
  EXPECT_THAT(ReadGroup("\"kettles\", \"pots\""), Optional(ElementsAre("kettles", "pots")));
  EXPECT_THAT(ReadGroup("\"a\",\"b\"\t ,\t\"a\""), Optional(ElementsAre("a", "b", "a")));
  EXPECT_THAT(ReadGroup("  \"a\"  "), Optional(ElementsAre("a")));
}

TEST(GroupsTest, AFieldMayListNone) {
  EXPECT_THAT(ReadGroups({}), Optional(IsEmpty()));
  EXPECT_THAT(ReadGroup(""), Optional(IsEmpty()));
  EXPECT_THAT(ReadGroup("   "), Optional(IsEmpty()));
}

TEST(GroupsTest, AGroupIsAnyPrintableTextAndItsCaseCounts) {
  EXPECT_THAT(ReadGroup("\"\""), Optional(ElementsAre("")));
  EXPECT_THAT(ReadGroup("\"item:7, blue; x=1\""), Optional(ElementsAre("item:7, blue; x=1")));
  EXPECT_THAT(ReadGroup("\"A\", \"a\""), Optional(ElementsAre("A", "a")));
}

// RFC 9651 §3.3.3
TEST(GroupsTest, QuotesAndBackslashesAreEscaped) {
  EXPECT_THAT(ReadGroup(R"("a\"b")"), Optional(ElementsAre("a\"b")));
  EXPECT_THAT(ReadGroup(R"("a\\")"), Optional(ElementsAre("a\\")));
  EXPECT_THAT(ReadGroup(R"("\\\"", "b")"), Optional(ElementsAre("\\\"", "b")));
}

// RFC 9651 §3.1.2
TEST(GroupsTest, ParametersAreSkipped) {
  EXPECT_THAT(ReadGroup("\"a\";x"), Optional(ElementsAre("a")));
  EXPECT_THAT(ReadGroup("\"a\";x=1;  y=2.5;*z=tok/en, \"b\";q=?0"),
              Optional(ElementsAre("a", "b")));
  EXPECT_THAT(ReadGroup("\"a\";x=\"b, \\\"c\\\"\", \"d\""), Optional(ElementsAre("a", "d")));
  EXPECT_THAT(ReadGroup("\"a\";x=-5;y=@1659578233"), Optional(ElementsAre("a")));
}

// RFC 9651 §3.3.5, §3.3.8
TEST(GroupsTest, ParametersMayBeBytesOrTextOfAnyKind) {
  EXPECT_THAT(ReadGroup("\"a\";x=:YmVr:;y=:YQ==:;z=::, \"b\""), Optional(ElementsAre("a", "b")));
  EXPECT_THAT(ReadGroup("\"a\";x=%\"f%c3%bc, r\", \"b\""), Optional(ElementsAre("a", "b")));
  EXPECT_EQ(ReadGroup("\"a\";x=:YQ=="), absl::nullopt);
  EXPECT_EQ(ReadGroup("\"a\";x=%\"f"), absl::nullopt);
}

TEST(GroupsTest, WhatIsMalformedIsNoList) {
  const char* const malformed[] = {
      "kettles",
      "\"a",
      "a\"",
      "\"a\" \"b\"",
      "\"a\",",
      ",\"a\"",
      "\"a\",,\"b\"",
      "\"a\"b",
      "\"a\\\"",
      "\"a\\n\"",
      "\"a\\",
      "'a'",
      "(\"a\" \"b\")",
      "7",
      "?1",
      "\"a\", kettle",
      "\"a\";",
      "\"a\";x=",
      "\"a\";X=1",
      "\"a\";=1",
      "\"a\" ;x",
      "\"a\";x=\"b",
      "\"caf\xc3\xa9\"",
      "\"tab\there\"",
      "\"a\x7f\"",
      ":YmVr:",
      "\"a\"; x =1",
      "\"a\"/\"b\"",
  };
  for (const char* value : malformed) EXPECT_EQ(ReadGroup(value), absl::nullopt) << value;
}

TEST(GroupsTest, SeveralFieldsInBothBlocksAreOneList) {
  EXPECT_THAT(ReadGroups({{"cache-groups", "\"a\""}, {"x-b", "1"}, {"cache-groups", "\"b\""}},
                         {{"grpc-status", "0"}, {"cache-groups", "\"c\""}}),
              Optional(ElementsAre("a", "b", "c")));
}

TEST(GroupsTest, OneMalformedFieldSpoilsAll) {
  EXPECT_EQ(ReadGroups({{"cache-groups", "\"a\""}, {"cache-groups", "b"}}), absl::nullopt);
  EXPECT_EQ(ReadGroups({{"cache-groups", "\"a\""}}, {{"cache-groups", "b"}}), absl::nullopt);
}

TEST(GroupsTest, OnlyFieldsOfTheNameThatIsAskedForAreRead) {
  const model::Headers block =
      HeadersOf({{"cache-groups", "\"a\""}, {"cache-group-invalidation", "\"b\""}, {"x", "nope"}});
  EXPECT_THAT(ParseGroups(block, {}, kCacheGroups), Optional(ElementsAre("a")));
  EXPECT_THAT(ParseGroups(block, {}, kCacheGroupInvalidation), Optional(ElementsAre("b")));
}

// RFC 9875 §2: at least 32 groups of at least 32 characters.
TEST(GroupsTest, ManyLongGroupsAreRead) {
  std::string value;
  for (int i = 0; i < 1000; ++i) {
    value += (i ? ", \"" : "\"") + std::to_string(1000 + i) + std::string(60, 'x') + "\"";
  }
  const auto groups = ReadGroup(value);
  ASSERT_TRUE(groups.has_value());
  EXPECT_EQ(groups->size(), 1000);
  EXPECT_EQ(groups->back(), "1999" + std::string(60, 'x'));
}

}  // namespace
}  // namespace singleflight::cache
