#include "server/model/key_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::model {
namespace {

using ::testing::Contains;
using ::testing::UnorderedElementsAre;

// PITFALLS 20
TEST(KeyRulesTest, NoiseIsTheListOfTheContractAndNothingElse) {
  for (const char* name : {"te",
                           "grpc-timeout",
                           "grpc-encoding",
                           "grpc-accept-encoding",
                           "grpc-previous-rpc-attempts",
                           "user-agent",
                           "traceparent",
                           "grpc-trace-bin",
                           "grpc-tags-bin",
                           "b3",
                           "x-b3-traceid",
                           "x-b3-spanid",
                           "x-b3-parentspanid",
                           "x-b3-sampled",
                           "x-request-id",
                           "x-cloud-trace-context",
                           "x-amzn-trace-id",
                           "x-datadog-trace-id",
                           "x-datadog-parent-id",
                           "x-datadog-sampling-priority",
                           "uber-trace-id",
                           "date",
                           "cache-control"}) {
    EXPECT_TRUE(IsNoise(name)) << name;
  }
}

// PITFALLS 20
TEST(KeyRulesTest, WhatMayCarryAnIdentityIsNoNoise) {
  for (const char* name :
       {"baggage", "tracestate", "forwarded", "x-forwarded-for", "x-envoy-peer-metadata",
        "accept-language", "x-b3-flags", "x-request-idx", "authorization", ""}) {
    EXPECT_FALSE(IsNoise(name)) << name;
  }
}

// PITFALLS 17
TEST(KeyRulesTest, CredentialsAreKnownByNameAndByPattern) {
  for (const char* name :
       {"authorization", "proxy-authorization", "cookie", "x-api-key", "x-goog-api-key",
        "x-jwt-assertion", "x-amz-security-token", "x-forwarded-access-token",
        "x-forwarded-client-cert", "x-auth-user", "x-auth-", "token", "x-csrf-token", "tokenizer",
        "x-client-secret", "secrets-bin", "x-jwt-claims", "my-jwt-bin"}) {
    EXPECT_TRUE(IsCredential(name)) << name;
  }
}

TEST(KeyRulesTest, OtherNamesAreNoCredentials) {
  for (const char* name : {"x-author", "author", "auth", "x-page", "jwt", "x-jwt", "my-x-auth-user",
                           "x-api", "user-agent"}) {
    EXPECT_FALSE(IsCredential(name)) << name;
  }
}

TEST(KeyRulesTest, TheNamedSetsStandForTheirNames) {
  ASSERT_NE(MetadataSet("@baggage"), nullptr);
  EXPECT_THAT(*MetadataSet("@baggage"), UnorderedElementsAre("baggage", "tracestate"));
  ASSERT_NE(MetadataSet("@proxy-headers"), nullptr);
  for (const char* name : {"forwarded", "via", "x-forwarded-for", "x-envoy-attempt-count"}) {
    EXPECT_THAT(*MetadataSet("@proxy-headers"), Contains(name));
  }
}

TEST(KeyRulesTest, OtherSetsDoNotExist) {
  for (const char* name : {"", "@", "baggage", "@Baggage", "@nonsense"})
    EXPECT_EQ(MetadataSet(name), nullptr) << name;
}

// PITFALLS 17
TEST(KeyRulesTest, NoNamedSetHoldsACredential) {
  for (const char* set : {"@proxy-headers", "@baggage"}) {
    for (const std::string& name : *MetadataSet(set)) EXPECT_FALSE(IsCredential(name)) << name;
  }
}

}  // namespace
}  // namespace singleflight::model
