// What makes two calls the same call.

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// The value of the metadata `name`, or nothing.
std::string Value(const SeenCall& call, const std::string& name) {
  std::string value;
  for (const auto& [key, own] : call.metadata) value += key == name ? own : "";
  return value;
}

class KeyTest : public ProxyTest {
 protected:
  void SetUp() override {
    backend_.Hold();
    backend_.AnswerWith(
        [](const SeenCall& call) { return Ok("for " + Value(call, "authorization")); });
  }

  // Calls that differ in their metadata only, all at the backend or aboard a flight when this
  // returns.
  void StartEach(const std::vector<Metadata>& metadata) {
    for (const Metadata& each : metadata) {
      calls_.push_back(Start(kRead, "id-7", {.metadata = each}));
    }
    WaitForWaiters(static_cast<int>(metadata.size()));
  }

  // How many upstream calls those cost.
  int UpstreamCalls(const std::vector<Metadata>& metadata) {
    StartEach(metadata);
    backend_.Release();
    answers_ = WaitAll(calls_);
    return backend_.calls();
  }

  // The message of each upstream call.
  std::vector<std::string> Sent() {
    std::vector<std::string> sent;
    for (const SeenCall& call : backend_.all_calls()) sent.push_back(call.messages.at(0));
    return sent;
  }

  void TearDown() override {
    calls_.clear();
    ProxyTest::TearDown();
  }

  std::vector<PendingCall> calls_;
  std::vector<Answer> answers_;
};

// PITFALLS 17
TEST_F(KeyTest, CallersWithDifferentCredentialsGetTheirOwnReplies) {
  Serve();
  EXPECT_EQ(UpstreamCalls({{{"authorization", "ann"}}, {{"authorization", "bob"}}}), 2);
  EXPECT_THAT(answers_[0], IsOkWith("for ann"));
  EXPECT_THAT(answers_[1], IsOkWith("for bob"));
}

// PITFALLS 17
TEST_F(KeyTest, CredentialsCountEvenWhereOnlyOtherMetadataDoes) {
  Serve({.key = "{metadata: {only: [x-tenant]}}"});
  EXPECT_EQ(UpstreamCalls({{{"authorization", "ann"}, {"x-tenant", "t"}},
                           {{"authorization", "bob"}, {"x-tenant", "t"}},
                           {{"authorization", "ann"}, {"x-tenant", "t"}, {"x-other", "1"}}}),
            2);
}

// PITFALLS 17
TEST_F(KeyTest, SessionTokensAreCredentialsWhateverTheirName) {
  Serve({.key = "{metadata: {only: [x-tenant]}}"});
  EXPECT_EQ(UpstreamCalls({{{"x-session-token", "a"}},
                           {{"x-session-token", "b"}},
                           {{"cookie", "a"}},
                           {{"x-auth-user", "a"}},
                           {{"client-secret", "a"}}}),
            5);
}

// PITFALLS 20
TEST_F(KeyTest, TraceHeadersDoNotSplitCallers) {
  Serve();
  EXPECT_EQ(UpstreamCalls({{{"traceparent", "00-1-1-01"}},
                           {{"traceparent", "00-2-2-01"}},
                           {{"x-request-id", "3"}},
                           {{"b3", "4"}, {"grpc-trace-bin", "\x01\x02"}}}),
            1);
}

// PITFALLS 52
TEST_F(KeyTest, ClientsOfEveryTracerMeet) {
  Serve();
  EXPECT_EQ(UpstreamCalls({{{"tracestate", "dd=s:1;p:67a8,33@nr=0-0"}, {"x-datadog-tags", "1"}},
                           {{"tracestate", "es=s:1"}, {"elastic-apm-traceparent", "00-1-1-01"}},
                           {{"x-b3-flags", "1"}, {"x-correlation-id", "3"}},
                           {{"sentry-trace", "4-4-1"}, {"newrelic", "eyJ2Ijo"}, {"sw8", "1-5"}},
                           {{"ot-tracer-spanid", "6"}, {"l5d-ctx-trace", "7"}}}),
            1);
}

TEST_F(KeyTest, AMeshesMemberOfTheTracestateSplits) {
  Serve();
  EXPECT_EQ(UpstreamCalls({{{"tracestate", "dd=p:1,mesh=v1"}},
                           {{"tracestate", "mesh=v1,dd=p:2"}},
                           {{"tracestate", "dd=p:3,mesh=v2"}}}),
            2);
}

// A request with an id in field 1, and what is asked in field 2.
std::string WithId(const std::string& id, const std::string& asked) {
  return "\x0a" + std::string(1, static_cast<char>(id.size())) + id + "\x12" +
         std::string(1, static_cast<char>(asked.size())) + asked;
}

TEST_F(KeyTest, CallsThatDifferInAnIgnoredFieldOfTheMessageMeet) {
  Serve({.key = "{message: {ignore: [\"1\"]}}"});
  for (const std::string id : {"a", "bb", "ccc"}) {
    calls_.push_back(Start(kRead, WithId(id, "price")));
  }
  calls_.push_back(Start(kRead, WithId("a", "stock")));
  WaitForWaiters(4);
  backend_.Release();
  for (const Answer& answer : WaitAll(calls_)) EXPECT_THAT(answer, HasCode(absl::StatusCode::kOk));
  EXPECT_THAT(Sent(), UnorderedElementsAre(WithId("a", "stock"),
                                           AnyOf(WithId("a", "price"), WithId("bb", "price"),
                                                 WithId("ccc", "price"))));
}

TEST_F(KeyTest, WhoIsReleasedSendsItsOwnMessageWhatsoeverIsIgnoredOfIt) {
  Serve({.key = "{message: {ignore: [\"1\"]}, share_across_credentials: true}"});
  Answer only_for_one = Ok("for one");
  only_for_one.initial = {{"cache-control", "private"}};
  backend_.AnswerWith(only_for_one);
  const std::vector<std::string> messages = {WithId("a", "price"), WithId("bb", "price"),
                                             WithId("ccc", "price")};
  for (const std::string& message : messages) calls_.push_back(Start(kRead, message));
  WaitForWaiters(3);
  backend_.Release();
  for (const Answer& answer : WaitAll(calls_)) EXPECT_THAT(answer, IsOkWith("for one"));
  EXPECT_THAT(Sent(), ::testing::UnorderedElementsAreArray(messages));
}

TEST_F(KeyTest, NoiseThatIsToCountSplits) {
  Serve({.key = "{metadata: {count: [x-request-id]}}"});
  EXPECT_EQ(UpstreamCalls({{{"x-request-id", "1"}}, {{"x-request-id", "2"}}, {{"b3", "3"}}, {}}),
            3);
}

// PITFALLS 17
TEST_F(KeyTest, AnUnknownHeaderSplitsAndNeverLeaks) {
  Serve();
  EXPECT_EQ(UpstreamCalls({{{"x-tenant", "a"}}, {{"x-tenant", "b"}}, {}}), 3);
}

TEST_F(KeyTest, WhatKeepsCallsApartIsCountedAndNamedInTheLog) {
  Serve({.key = "{metadata: {count: [x-request-id]}}", .top = "log: {level: debug}"});
  backend_.Release();
  for (const Metadata& metadata : std::vector<Metadata>{
           {{"x-request-id", "1"}},
           {{"x-request-id", "2"}},
           {{"x-request-id", "2"}, {"authorization", "ann's"}},
           {{"x-request-id", "2"}, {"authorization", "ann's"}, {"x-made-up", "1"}},
           {{"x-request-id", "3"}, {"authorization", "bob's"}, {"x-made-up", "1"}}}) {
    Ask(kRead, "id-7", {.metadata = metadata});
  }
  const auto kept_apart_by = [this](const std::string& kind, const std::string& name) {
    return Metric("singleflight_not_shared_total{kind=\"" + kind + "\",name=\"" + name + "\"}");
  };
  EXPECT_EQ(kept_apart_by("metadata", "x-request-id"), 1);
  EXPECT_EQ(kept_apart_by("credential", "authorization"), 1);
  EXPECT_EQ(kept_apart_by("metadata", "other"), 1);
  EXPECT_EQ(kept_apart_by("several", ""), 1);
  EXPECT_EQ(Metric("singleflight_not_shared_total"), 4);
  proxy_->WaitForLog(AllOf(HasSubstr("kept it apart"), HasSubstr("x-request-id"),
                           Not(HasSubstr("ann's")), Not(HasSubstr("bob's"))));
}

TEST_F(KeyTest, IgnoredMetadataDoesNotSplit) {
  Serve({.key = "{metadata: {ignore: [x-device-id]}}"});
  EXPECT_EQ(UpstreamCalls({{{"x-device-id", "a"}}, {{"x-device-id", "b"}}, {}}), 1);
}

// PITFALLS 19
TEST_F(KeyTest, NamesAndValuesDoNotRunTogether) {
  Serve();
  EXPECT_EQ(UpstreamCalls({{{"x-ab", "c"}}, {{"x-a", "bc"}}, {{"x-a", "b"}, {"x-c", ""}}}), 3);
}

TEST_F(KeyTest, OrderOfNamesDoesNotCountOrderOfValuesDoes) {
  Serve();
  EXPECT_EQ(UpstreamCalls({{{"x-a", "1"}, {"x-b", "2"}},
                           {{"x-b", "2"}, {"x-a", "1"}},
                           {{"x-a", "1"}, {"x-a", "3"}},
                           {{"x-a", "3"}, {"x-a", "1"}}}),
            3);
}

TEST_F(KeyTest, MethodsOfOneMessageAreDifferentCalls) {
  Serve();
  calls_.push_back(Start("/test.Reads/Get", "id-7"));
  calls_.push_back(Start("/test.Reads/Head", "id-7"));
  backend_.WaitForHeld(2);
}

class AuthorityTest : public ProxyTest {
 protected:
  // How many upstream calls two callers cost that dial the proxy under different names.
  int UpstreamCallsOfTwoNames() {
    backend_.Hold();
    Client a(proxy_->address(), "a.example");
    Client b(proxy_->address(), "b.example");
    PendingCall first = a.Start(kRead, "id-7");
    PendingCall second = b.Start(kRead, "id-7");
    WaitForWaiters(2);
    backend_.Release();
    first.Wait();
    second.Wait();
    return backend_.calls();
  }
};

TEST_F(AuthorityTest, UpstreamIsAddressedAsItsTargetByDefault) {
  Serve();
  EXPECT_EQ(UpstreamCallsOfTwoNames(), 1);
  EXPECT_EQ(backend_.call(0).authority, backend_.address());
}

TEST_F(AuthorityTest, APreservedAuthorityReachesUpstreamAndSplits) {
  Serve({.upstream = "authority: preserve"});
  EXPECT_EQ(UpstreamCallsOfTwoNames(), 2);
  EXPECT_THAT((std::vector<std::string>{backend_.call(0).authority, backend_.call(1).authority}),
              UnorderedElementsAre("a.example", "b.example"));
}

TEST_F(AuthorityTest, ThePreservedAuthoritysCaseDoesNotSplit) {
  Serve({.upstream = "authority: preserve"});
  backend_.Hold();
  Client a(proxy_->address(), "shop.example");
  Client b(proxy_->address(), "Shop.EXAMPLE");
  PendingCall first = a.Start(kRead, "id-7");
  PendingCall second = b.Start(kRead, "id-7");
  WaitForWaiters(2);
  backend_.Release();
  EXPECT_THAT(first.Wait(), IsOkWith("reply to id-7"));
  EXPECT_THAT(second.Wait(), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(AuthorityTest, AFixedAuthorityIsWhatUpstreamSees) {
  Serve({.upstream = "authority: catalog.example"});
  EXPECT_EQ(UpstreamCallsOfTwoNames(), 1);
  EXPECT_EQ(backend_.call(0).authority, "catalog.example");
}

// A route whose callers may see each other's replies, credentials or not.
class SharedCredentialsTest : public KeyTest {
 protected:
  void SetUp() override {
    KeyTest::SetUp();
    Serve({.key = "{metadata: {ignore: [authorization]}, share_across_credentials: true}"});
  }

  void StartAnnAndBob() {
    StartEach({{{"authorization", "ann"}}});
    backend_.WaitForHeld(1);
    calls_.push_back(Start(kRead, "id-7", {.metadata = {{"authorization", "bob"}}}));
    WaitForWaiters(2);
  }

  void ExpectEachHadTheirOwnCall() {
    EXPECT_EQ(backend_.calls(), 2);
    EXPECT_EQ(Value(backend_.call(1), "authorization"), "bob");
    EXPECT_EQ(Metric("singleflight_waiters_released_total{reason=\"reply_private\"}"), 1);
  }
};

TEST_F(SharedCredentialsTest, OneReplyServesBoth) {
  StartAnnAndBob();
  backend_.Release();
  EXPECT_THAT(WaitAll(calls_), Each(IsOkWith("for ann")));
}

// PITFALLS 24
TEST_F(SharedCredentialsTest, AReplyThatSetsACookieIsForTheLeaderAlone) {
  backend_.AnswerWith([](const SeenCall& call) {
    Answer answer = Ok("for " + Value(call, "authorization"));
    answer.initial = {{"set-cookie", "session=" + Value(call, "authorization")}};
    return answer;
  });
  StartAnnAndBob();
  backend_.Release();
  EXPECT_THAT(calls_[0].Wait().initial, Contains(Pair("set-cookie", "session=ann")));
  EXPECT_THAT(calls_[1].Wait().initial, Contains(Pair("set-cookie", "session=bob")));
  ExpectEachHadTheirOwnCall();
}

// PITFALLS 24
TEST_F(SharedCredentialsTest, APrivateReplyIsForTheLeaderAlone) {
  backend_.AnswerWith([](const SeenCall& call) {
    Answer answer = Ok("for " + Value(call, "authorization"));
    answer.trailing = {{"cache-control", "max-age=5, Private"}};
    return answer;
  });
  StartAnnAndBob();
  backend_.Release();
  EXPECT_THAT(calls_[0].Wait(), IsOkWith("for ann"));
  EXPECT_THAT(calls_[1].Wait(), IsOkWith("for bob"));
  ExpectEachHadTheirOwnCall();
}

class VerdictTest : public SharedCredentialsTest,
                    public ::testing::WithParamInterface<absl::StatusCode> {};

TEST_P(VerdictTest, AVerdictOnTheLeaderIsNotPassedOn) {
  backend_.AnswerWith([](const SeenCall& call) {
    return Value(call, "authorization") == "ann" ? Failed(GetParam(), "not you") : Ok("for bob");
  });
  StartAnnAndBob();
  backend_.Release();
  EXPECT_THAT(calls_[0].Wait(), FailedWith(GetParam(), "not you"));
  EXPECT_THAT(calls_[1].Wait(), IsOkWith("for bob"));
  ExpectEachHadTheirOwnCall();
}

INSTANTIATE_TEST_SUITE_P(Codes, VerdictTest,
                         ::testing::Values(absl::StatusCode::kUnauthenticated,
                                           absl::StatusCode::kPermissionDenied,
                                           absl::StatusCode::kResourceExhausted));

}  // namespace
}  // namespace singleflight::testing
