// Messages as their marks, by path.

#include "server/survey/message_marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/survey/keys.h"
#include "tests/wire/fields.h"

namespace singleflight::survey {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::Group;
using wire::Number;
using wire::Text;

constexpr char kBinary[] = "\x01\xff";  // neither text nor Protobuf

class MessageMarksTest : public ::testing::Test {
 protected:
  MessageMarks Of(const std::string& message, const Caller& caller = {},
                  const model::KeyRules& rules = {}) {
    Caller whole = caller;
    whole.message = Framed(message);
    return MessageMarks(keys_.Of(whole, rules));
  }
  std::vector<std::string> PathsOf(const std::string& message) {
    std::vector<std::string> paths;
    const MessageMarks marks = Of(message);
    for (const MessageMarks::Mark& mark : marks.all()) {
      paths.push_back(model::ToText(mark.field.Path()));
    }
    return paths;
  }

  Keys keys_;
};

TEST_F(MessageMarksTest, EveryFieldHasAMark) {
  EXPECT_THAT(PathsOf(Number(1, 7) + Text(2, "kettle") + wire::Tag(4, 5) + "1234"),
              ElementsAre("1", "2", "4"));
  EXPECT_THAT(PathsOf(""), IsEmpty());
  EXPECT_TRUE(Of("").taken_apart());
}

TEST_F(MessageMarksTest, MessagesAndGroupsHaveMarksOfTheirOwnAndTheirFieldsToo) {
  EXPECT_THAT(PathsOf(Text(3, Number(1, 7) + Text(2, Number(5, 1)))),
              ElementsAre("3", "3.1", "3.2", "3.2.5"));
  EXPECT_THAT(PathsOf(Group(3, Number(1, 7))), ElementsAre("3", "3.1"));
  EXPECT_THAT(PathsOf(Text(3, "")), ElementsAre("3"));
}

TEST_F(MessageMarksTest, TextIsNoMessageThoughItReadsAsOne) {
  EXPECT_THAT(PathsOf(Text(3, "0880")), ElementsAre("3"));  // fields 6 and 7, numbers both
  EXPECT_THAT(PathsOf(Text(3, "k\xc3\xa4nnchen")), ElementsAre("3"));
  EXPECT_THAT(PathsOf(Text(3, kBinary)), ElementsAre("3"));
  EXPECT_THAT(PathsOf(Text(3, "0 ")), ElementsAre("3"));            // field 6, 32
  EXPECT_THAT(PathsOf(Text(3, "8\x7f")), ElementsAre("3", "3.7"));  // a control character
  EXPECT_THAT(PathsOf(Group(3, "0 ")), ElementsAre("3", "3.6"));    // a group is no text
}

TEST_F(MessageMarksTest, AFieldThatComesAgainIsInItsMark) {
  const std::string once = Number(1, 7);
  EXPECT_THAT(PathsOf(once + once), ElementsAre("1"));
  EXPECT_NE(Of(once + once).all()[0].value, Of(once).all()[0].value);
  EXPECT_NE(Of(once + Number(1, 8)).all()[0].value, Of(Number(1, 8) + once).all()[0].value);
}

TEST_F(MessageMarksTest, TheTypeOfAFieldIsInItsMark) {
  EXPECT_NE(Of(wire::Tag(1, 5) + "\x01\x02\x03\x04").all()[0].value,
            Of(Text(1, "\x01\x02\x03\x04")).all()[0].value);
}

TEST_F(MessageMarksTest, TheRestOfTheKeyIsEverythingElse) {
  const std::string one = Number(1, 7), other = Number(1, 8);
  EXPECT_EQ(Of(one).rest(), Of(other).rest());
  EXPECT_NE(Of(one).message(), Of(other).message());
  EXPECT_NE(Of(one).rest(), Of(one, {{{"x-a", "1"}}}).rest());
  EXPECT_NE(Of(one).rest(), Of(one, {{{":path", "/shop.Catalog/List"}}}).rest());
  EXPECT_NE(Of(one).rest(), Of(one, {{}, "", "other:1"}).rest());
  EXPECT_NE(Of(one).rest(), Of(one, {{}, "", "catalog:50051", 2}).rest());
  EXPECT_NE(Of(one).rest(), Of(one, {{{"content-type", "application/grpc+json"}}}).rest());
}

TEST_F(MessageMarksTest, FieldsThatAreIgnoredHaveNone) {
  model::KeyRules rules;
  rules.ignored_fields = {{2}};
  EXPECT_THAT(Of(Number(1, 7) + Text(2, "x"), {}, rules).all(), SizeIs(1));
}

TEST_F(MessageMarksTest, WhatIsNotProtobufIsNotTakenApart) {
  EXPECT_FALSE(Of(Number(1, 7) + "\xff").taken_apart());
  EXPECT_THAT(Of(Number(1, 7) + "\xff").all(), IsEmpty());
  EXPECT_FALSE(Of(Number(1, 7), {{{"content-type", "application/grpc+json"}}}).taken_apart());
  EXPECT_FALSE(MessageMarks(keys_.Of({{}, std::string("\1\0\0\0\2\x08\x07", 7)})).taken_apart());
  EXPECT_FALSE(MessageMarks(keys_.Of({{}, ""})).taken_apart());
}

TEST_F(MessageMarksTest, EveryBoundHolds) {
  EXPECT_TRUE(Of(Text(1, std::string(MessageMarks::kLongest - 3, 'x'))).taken_apart());
  EXPECT_FALSE(Of(Text(1, std::string(MessageMarks::kLongest - 2, 'x'))).taken_apart());
  std::string paths;
  for (uint32_t i = 1; i <= MessageMarks::kMost; ++i) paths += Number(i, 1);
  EXPECT_THAT(Of(paths).all(), SizeIs(MessageMarks::kMost));
  EXPECT_FALSE(Of(paths + Number(99, 1)).taken_apart());
  std::string work;
  for (size_t i = 0; i < MessageMarks::kMostWork; ++i) work += Number(1, 1);
  EXPECT_TRUE(Of(work).taken_apart());
  EXPECT_FALSE(Of(work + Number(1, 1)).taken_apart());
}

TEST_F(MessageMarksTest, AMessageThatIsTooMuchToLookThroughCountsWhole) {
  std::string much;
  for (size_t i = 0; i < MessageMarks::kMostWork; ++i) much += Number(1, 1);
  EXPECT_THAT(PathsOf(Number(1, 1) + Text(3, much)), ElementsAre("1", "3"));
}

TEST_F(MessageMarksTest, GroupsInGroupsAreWorkEachTime) {
  std::string deep = std::string(1000, '\x08');
  for (int i = 0; i < 9; ++i) deep = Group(1, deep);
  EXPECT_FALSE(Of(deep).taken_apart());
}

TEST_F(MessageMarksTest, WhatLiesDeeperCountsWithWhatItStandsIn) {
  std::string deep = Number(1, 7);
  for (int i = 0; i < 20; ++i) deep = Text(1, deep);
  EXPECT_EQ(PathsOf(deep).back(), "1.1.1.1.1.1.1.1.1.1");
  EXPECT_TRUE(Of(deep).taken_apart());
}

}  // namespace
}  // namespace singleflight::survey
