#include "server/model/key_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::model {
namespace {

using ::testing::Contains;
using ::testing::UnorderedElementsAre;

// PITFALLS 20, PITFALLS 52
TEST(KeyRulesTest, WhatTracersAndClientsAddToEveryCallIsNoise) {
  for (const char* name : {"te",
                           "grpc-timeout",
                           "grpc-encoding",
                           "grpc-accept-encoding",
                           "grpc-previous-rpc-attempts",
                           "grpc-trace-bin",
                           "grpc-tags-bin",
                           "user-agent",   //
                           "traceparent",  //
                           "b3",
                           "x-b3-traceid",
                           "x-b3-spanid",
                           "x-b3-parentspanid",
                           "x-b3-sampled",
                           "x-b3-flags",
                           "x-request-id",
                           "x-correlation-id",
                           "client-request-id",
                           "x-client-trace-id",  //
                           "x-cloud-trace-context",
                           "x-amzn-trace-id",  //
                           "x-datadog-trace-id",
                           "x-datadog-parent-id",
                           "x-datadog-sampling-priority",
                           "x-datadog-origin",
                           "x-datadog-tags",
                           "uber-trace-id",
                           "sentry-trace",
                           "newrelic",
                           "elastic-apm-traceparent",
                           "x-dynatrace",
                           "x-instana-t",
                           "x-instana-s",
                           "x-instana-l",
                           "sw8",
                           "x-ot-span-context",
                           "ot-tracer-traceid",
                           "ot-tracer-spanid",
                           "ot-tracer-sampled",
                           "l5d-ctx-trace",
                           "x-envoy-attempt-count",  //
                           "date",
                           "cache-control"}) {
    EXPECT_TRUE(IsNoise(name)) << name;
  }
}

// PITFALLS 20
TEST(KeyRulesTest, WhatMayCarryAnIdentityIsNoNoise) {
  for (const char* name :
       {"baggage", "tracestate", "forwarded", "x-forwarded-for", "x-envoy-peer-metadata",
        "x-envoy-internal", "accept-language", "x-request-idx", "x-request-i", "x-instana-x",
        "ot-tracer", "ot-baggage-user", "uberctx-user", "sw8-correlation", "sentry-tracf", "x",
        "authorization", ""}) {
    EXPECT_FALSE(IsNoise(name)) << name;
  }
}

// PITFALLS 52
TEST(KeyRulesTest, MembersOfKnownTracersAreLeftOutOfATracestate) {
  for (const char* value :
       {"dd=s:1;p:67a8", "es=s:1.0", "ot=th:c;rv:9b8233f7e3a151", "sentry=00f067aa0ba902b7",
        "in=fa2375d711a4ca0f;02468acefdb97531", "sw=2ee31bd8a8e4d5d2-01", "33@nr=0-0-33-27-5f-6e",
        "6c-9e@dt=fw4;0;0;1a", "dd=s:1,33@nr=0", " dd=s:1 , es=s:1 ,", "dd=", "dd"}) {
    std::string storage;
    EXPECT_EQ(ForeignMembers(value, &storage), "") << value;
  }
}

TEST(KeyRulesTest, EveryOtherMemberOfATracestateCounts) {
  std::string storage;
  for (const char* value : {"mesh=v2", "nr=1", "dd@x=1", "nr@dd=1", "ddx=1", "=dd", "x=dd", "DD=1",
                            "mesh=v2, other=1", ""}) {
    EXPECT_EQ(ForeignMembers(value, &storage), value);
  }
  EXPECT_EQ(ForeignMembers("dd=s:1, mesh=v2", &storage), "mesh=v2");
  EXPECT_EQ(ForeignMembers("a=1 ,33@nr=0,\tb=2,,", &storage), "a=1,b=2");
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
