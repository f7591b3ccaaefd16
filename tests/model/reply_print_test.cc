#include "server/model/reply_print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/wire/fields.h"

namespace singleflight::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Fields = std::vector<std::pair<std::string, std::string>>;

Headers Block(const Fields& fields) {
  Headers block;
  for (const auto& [name, value] : fields) block.Add(name, value);
  return block;
}

std::string Framed(const std::string& message) {
  std::string frame(5, '\0');
  frame[3] = static_cast<char>(message.size() >> 8);
  frame[4] = static_cast<char>(message.size());
  return frame + message;
}

struct Said {
  std::string message = wire::Number(1, 7);
  Fields initial = {};
  Fields trailing = {};
  std::string status = "0";
  bool trailers_only = false;
};

Reply ReplyOf(const Said& said) {
  Fields initial = said.initial, trailing = said.trailing;
  initial.emplace_back(":status", "200");
  (said.trailers_only ? initial : trailing).emplace_back("grpc-status", said.status);
  const std::string body = said.trailers_only ? "" : Framed(said.message);
  return MakeReply({Block(initial), body, Block(trailing), said.trailers_only, nullptr});
}

std::vector<std::string> Apart(const Said& a, const Said& b, const VolatileRules& rules = {}) {
  const ReplyPrinter printer(rules);
  return PartsThatDiffer(printer.Print(ReplyOf(a)), printer.Print(ReplyOf(b)));
}

TEST(ReplyPrintTest, EqualRepliesHaveEqualPrints) {
  const Said said = {
      wire::Text(1, "kettle") + wire::Text(2, wire::Number(3, 1)), {{"x-tier", "a"}}, {{"t", "1"}}};
  EXPECT_THAT(Apart(said, said), IsEmpty());
}

TEST(ReplyPrintTest, EachPartThatDiffersIsNamed) {
  EXPECT_THAT(Apart({.initial = {{"x-tier", "a"}}}, {.initial = {{"x-tier", "b"}}}),
              ElementsAre("metadata x-tier"));
  EXPECT_THAT(Apart({.trailing = {{"x-tier", "a"}}}, {}), ElementsAre("trailer x-tier"));
  EXPECT_THAT(Apart({.status = "0"}, {.status = "5"}), ElementsAre("status"));
  EXPECT_THAT(Apart({.message = "blue kettle"}, {.message = "red kettle"}), ElementsAre("message"));
}

TEST(ReplyPrintTest, FieldsOfMessagesAreNamedByTheirPath) {
  const std::string before =
      wire::Text(1, "kettle") + wire::Text(3, wire::Number(2, 1) + wire::Number(4, 9));
  EXPECT_THAT(Apart({.message = before},
                    {.message = wire::Text(1, "kettle") +
                                wire::Text(3, wire::Number(2, 5) + wire::Number(4, 9))}),
              ElementsAre("message field 3.2"));
  EXPECT_THAT(Apart({.message = before},
                    {.message = wire::Text(1, "teapot") +
                                wire::Text(3, wire::Number(2, 1) + wire::Number(4, 9))}),
              ElementsAre("message field 1"));
}

TEST(ReplyPrintTest, AFieldThatIsMissingDiffers) {
  EXPECT_THAT(
      Apart({.message = wire::Number(1, 7) + wire::Number(2, 1)}, {.message = wire::Number(1, 7)}),
      ElementsAre("message field 2"));
  EXPECT_THAT(Apart({.message = wire::Number(1, 7)}, {.message = ""}),
              ElementsAre("message field 1"));
}

TEST(ReplyPrintTest, WhichOfRepeatedMessagesHoldsAFieldCounts) {
  const std::string item = wire::Text(3, wire::Number(1, 7)), empty = wire::Text(3, "");
  EXPECT_THAT(Apart({.message = item + empty}, {.message = empty + item}), Not(IsEmpty()));
  EXPECT_THAT(Apart({.message = wire::Number(1, 1) + wire::Number(1, 2)},
                    {.message = wire::Number(1, 2) + wire::Number(1, 1)}),
              ElementsAre("message field 1"));
}

TEST(ReplyPrintTest, TheOrderOfDifferentFieldsDoesNotCount) {
  EXPECT_THAT(Apart({.message = wire::Number(1, 1) + wire::Number(2, 2)},
                    {.message = wire::Number(2, 2) + wire::Number(1, 1)}),
              IsEmpty());
}

TEST(ReplyPrintTest, WhatIsVolatileIsLeftOut) {
  const VolatileRules rules = {{"x-served-by"}, {{4}, {3, 2}}};
  EXPECT_THAT(Apart({wire::Number(1, 7) + wire::Number(4, 1) + wire::Text(3, wire::Number(2, 1)),
                     {{"x-served-by", "a"}}},
                    {wire::Number(1, 7) + wire::Number(4, 2) + wire::Text(3, wire::Number(2, 2)),
                     {{"x-served-by", "b"}}},
                    rules),
              IsEmpty());
  EXPECT_THAT(Apart({.message = wire::Number(1, 7) + wire::Number(4, 1)},
                    {.message = wire::Number(1, 8) + wire::Number(4, 1)}, rules),
              ElementsAre("message field 1"));
  EXPECT_THAT(Apart({.message = wire::Number(4, 1)}, {.message = ""}, rules), IsEmpty());
}

// Whole, and no less than without the rule: what is no message of that schema is compared as it is.
TEST(ReplyPrintTest, AMessageThatTheRuleDoesNotFitIsComparedWhole) {
  const VolatileRules rules = {{}, {{3, 2}}};
  EXPECT_THAT(Apart({.message = wire::Number(3, 1)}, {.message = wire::Number(3, 2)}, rules),
              ElementsAre("message field 3"));
}

TEST(ReplyPrintTest, HowAReplyCameIsLeftOut) {
  EXPECT_THAT(Apart({.initial = {{"date", "Mon"}, {"age", "1"}, {"x-request-id", "1"}}},
                    {.initial = {{"date", "Tue"}, {"age", "2"}, {"x-request-id", "2"}},
                     .trailing = {{"server-timing", "db;dur=53"}}}),
              IsEmpty());
}

TEST(ReplyPrintTest, ATrailersOnlyReplyIsComparedByWhatItSays) {
  const Said refused = {.trailing = {{"x-tier", "a"}}, .status = "5", .trailers_only = false};
  EXPECT_THAT(Apart({.initial = {{"x-tier", "a"}}, .status = "5", .trailers_only = true},
                    {.initial = {{"x-tier", "b"}}, .status = "5", .trailers_only = true}),
              ElementsAre("trailer x-tier"));
  EXPECT_THAT(Apart({.initial = {{"x-tier", "a"}}, .status = "5", .trailers_only = true}, refused),
              ElementsAre("message", "message field 1"));
}

TEST(ReplyPrintTest, APrintIsBounded) {
  Said many;
  for (int i = 0; i < 500; ++i) many.initial.emplace_back(absl::StrCat("x-", i), "1");
  for (int i = 1; i < 15; ++i) {
    for (int k = 1; k < 15; ++k) many.message += wire::Text(i, wire::Number(k, 1));
  }
  const ReplyPrinter printer(VolatileRules{});
  const Headers print = printer.Print(ReplyOf(many));
  EXPECT_LE(print.fields(), 2 * ReplyPrinter::kMostParts + 3);
  Said other = many;
  other.initial.back().second = "2";
  EXPECT_THAT(Apart(many, other), SizeIs(1));
}

TEST(ReplyPrintTest, APrintHoldsNoValue) {
  const ReplyPrinter printer(VolatileRules{});
  const Headers print = printer.Print(ReplyOf(
      {.message = wire::Text(1, "a secret of ann"), .initial = {{"x-user", "a secret of ann"}}}));
  EXPECT_EQ(print.view().packed().find("secret"), absl::string_view::npos);
}

}  // namespace
}  // namespace singleflight::model
