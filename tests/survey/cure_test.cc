// What is offered so that calls meet, by what kept them apart and the rules in force.

#include "server/survey/cure.h"

#include <gtest/gtest.h>

namespace singleflight::survey {
namespace {

using Mode = model::KeyRules::Mode;

std::string Cure(const std::string& name, const model::KeyRules& rules = {},
                 SplitKind kind = SplitKind::kMetadata) {
  return CureOf({kind, name, 1, {}}, rules);
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

TEST(CureTest, NothingIsOfferedWhereNoLineWouldDo) {
  EXPECT_EQ(Cure("other"), "");
  EXPECT_EQ(Cure("singleflight-chain"), "");
  EXPECT_EQ(Cure("x-cut…"), "");
  EXPECT_EQ(Cure(":authority", {}, SplitKind::kAuthority), "");
  EXPECT_EQ(Cure("trust", {}, SplitKind::kPolicy), "");
  EXPECT_EQ(Cure("grpc-encoding", {}, SplitKind::kEncoding), "");
  EXPECT_EQ(Cure(":authority, x-a", {}, SplitKind::kSeveral), "");
}

}  // namespace
}  // namespace singleflight::survey
