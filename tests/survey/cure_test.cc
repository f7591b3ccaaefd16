// What is offered so that calls meet, by what kept them apart and the rules in force.

#include "server/survey/cure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::survey {
namespace {

using Mode = model::KeyRules::Mode;

std::string Cure(const std::string& name, const model::KeyRules& rules = {},
                 SplitKind kind = SplitKind::kMetadata) {
  return CureOf({kind, name, "", 1, {}}, rules);
}

TEST(CureTest, AHeaderIsIgnored) {
  EXPECT_EQ(Cure("x-device-id"),
            "key: {metadata: {ignore: [x-device-id]}}  # if no reply depends on x-device-id");
}

TEST(CureTest, TheRulesInForceStay) {
  EXPECT_EQ(Cure("x-b", {Mode::kAllButNoise, {"x-a"}, true, {"date"}}),
            "key: {metadata: {ignore: [x-a, x-b], count: [date]}, share_across_credentials: true}"
            "  # if no reply depends on x-b");
}

TEST(CureTest, AHeaderThatTheRulesCountLeavesThem) {
  EXPECT_EQ(Cure("x-a", {Mode::kOnly, {"x-a", "x-tenant"}}),
            "key: {metadata: {only: [x-tenant]}}  # if no reply depends on x-a");
  EXPECT_EQ(Cure("x-request-id", {Mode::kAllButNoise, {"x-a"}, false, {"x-request-id"}}),
            "key: {metadata: {ignore: [x-a]}}  # if no reply depends on x-request-id");
  EXPECT_EQ(Cure("date", {Mode::kAllButNoise, {}, false, {"date"}}),
            "key: {}  # if no reply depends on date");
}

TEST(CureTest, SetsHaveTheirNames) {
  model::KeyRules rules;
  rules.names = *model::MetadataSet("@baggage");
  EXPECT_EQ(Cure("x-a", rules),
            "key: {metadata: {ignore: [\"@baggage\", x-a]}}  # if no reply depends on x-a");
}

TEST(CureTest, WhatYamlWouldTakeForAnotherThingIsQuoted) {
  EXPECT_EQ(Cure("on"), "key: {metadata: {ignore: [\"on\"]}}  # if no reply depends on on");
  EXPECT_EQ(Cure("7"), "key: {metadata: {ignore: [\"7\"]}}  # if no reply depends on 7");
}

TEST(CureTest, SeveralHeadersAreIgnoredTogether) {
  EXPECT_EQ(Cure("x-a, x-b", {}, SplitKind::kSeveral),
            "key: {metadata: {ignore: [x-a, x-b]}}  # if no reply depends on x-a, x-b");
}

TEST(CureTest, CredentialsAreADecisionAndNoLine) {
  const std::string cure = Cure("authorization", {}, SplitKind::kCredential);
  EXPECT_EQ(cure.front(), '#');
  EXPECT_NE(cure.find("share_across_credentials: true"), std::string::npos);
  EXPECT_NE(cure.find("who may see what"), std::string::npos);
  EXPECT_EQ(Cure("x-a, authorization", {}, SplitKind::kSeveral), "");
}

TEST(CureTest, RulesForMessagesStay) {
  model::KeyRules rules;
  rules.ignored_fields = {{1}, {3, 2}};
  EXPECT_THAT(Cure("x-a", rules),
              ::testing::StartsWith(
                  "key: {metadata: {ignore: [x-a]}, message: {ignore: [\"1\", \"3.2\"]}}"));
}

// What is asked for is a field, too.
TEST(CureTest, FieldsAreADecisionAndNoLine) {
  EXPECT_EQ(Cure("3.2", {}, SplitKind::kField),
            "# key: {message: {ignore: [\"3.2\"]}} would, if no reply depends on field 3.2: a "
            "request's id or a time, and not what is asked for");
  model::KeyRules rules{Mode::kAllButNoise, {"x-a"}, true};
  rules.ignored_fields = {{1}, {3, 2}, {30}};
  EXPECT_THAT(Cure("2, 3", rules, SplitKind::kField),
              ::testing::StartsWith("# key: {metadata: {ignore: [x-a]}, message: {ignore: [\"1\", "
                                    "\"30\", \"2\", \"3\"]}, share_across_credentials: true} "
                                    "would, if no reply depends on fields 2, 3: "));
}

TEST(CureTest, NamesOfFieldsStayToo) {
  model::KeyRules rules;
  rules.ignored_fields = {{3, 2}};
  rules.ignored_names = {"context.trace"};
  rules.canonicalize = true;
  EXPECT_THAT(Cure("x-a", rules),
              ::testing::StartsWith("key: {metadata: {ignore: [x-a]}, message: {ignore: "
                                    "[\"3.2\", context.trace], canonicalize: true}}"));
}

TEST(CureTest, NothingIsOfferedWhereNoLineWouldDo) {
  EXPECT_EQ(Cure("other"), "");
  EXPECT_EQ(Cure("singleflight-chain"), "");
  EXPECT_EQ(Cure("x-cut…"), "");
  EXPECT_EQ(Cure(":authority", {}, SplitKind::kAuthority), "");
  EXPECT_EQ(Cure("trust", {}, SplitKind::kPolicy), "");
  EXPECT_EQ(Cure("grpc-encoding", {}, SplitKind::kEncoding), "");
  EXPECT_EQ(Cure(":authority, x-a", {}, SplitKind::kSeveral), "");
  EXPECT_EQ(Cure("message", {}, SplitKind::kField), "");
  EXPECT_EQ(Cure("other", {}, SplitKind::kField), "");
}

}  // namespace
}  // namespace singleflight::survey
