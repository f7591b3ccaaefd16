// The spans of real calls, as a collector gets them, and every link between them.

#include <algorithm>
#include <csignal>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/certificates.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/testing/span_collector.h"

namespace singleflight::testing {
namespace {

using ::testing::Each;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using Spans = std::vector<CollectedSpan>;

constexpr char kDropped[] = "singleflight_spans_dropped_total";

// Of a caller's own trace, which `name`, a hexadecimal digit, fills.
std::string TraceOf(char name) { return std::string(32, name); }
std::string Traceparent(char name, bool sampled = true) {
  return absl::StrCat("00-", TraceOf(name), "-", std::string(16, name), sampled ? "-01" : "-00");
}
CallOptions In(char name, bool sampled = true) {
  return {.metadata = {{"traceparent", Traceparent(name, sampled)}, {"tracestate", "vendor=1"}}};
}

std::string Hex(const std::string& id) { return absl::BytesToHexString(id); }
bool IsServer(const CollectedSpan& span) { return span.kind() == CollectedSpan::SPAN_KIND_SERVER; }
bool IsClient(const CollectedSpan& span) { return span.kind() == CollectedSpan::SPAN_KIND_CLIENT; }

// The one of a trace; it has to be there once.
CollectedSpan Only(const Spans& spans, char trace, bool (*is)(const CollectedSpan&)) {
  Spans found;
  std::copy_if(spans.begin(), spans.end(), std::back_inserter(found),
               [&](const CollectedSpan& span) {
                 return is(span) && Hex(span.trace_id()) == TraceOf(trace);
               });
  EXPECT_THAT(found, SizeIs(1)) << trace;
  return found.empty() ? CollectedSpan() : found.front();
}
CollectedSpan ServerOf(const Spans& spans, char trace) { return Only(spans, trace, IsServer); }
CollectedSpan ClientOf(const Spans& spans, char trace) { return Only(spans, trace, IsClient); }

std::string RoleOf(const CollectedSpan& span) { return AttributeOf(span, "singleflight.role"); }
std::string CodeOf(const CollectedSpan& span) { return AttributeOf(span, "rpc.grpc.status_code"); }
bool HasError(const CollectedSpan& span) {
  return span.status().code() == opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR;
}

MATCHER_P(LinksTo, other, "has a link to that span and no other") {
  return arg.links_size() == 1 && arg.links(0).trace_id() == other.trace_id() &&
         arg.links(0).span_id() == other.span_id();
}

MATCHER_P(IsChildOf, other, "is a child of that span") {
  return arg.trace_id() == other.trace_id() && arg.parent_span_id() == other.span_id() &&
         arg.span_id() != other.span_id();
}

class TracingTest : public ProxyTest {
 protected:
  Scenario Traced(const std::string& more = "") const {
    return TracedTo(collector_.address(), more);
  }
  static Scenario TracedTo(const std::string& address, const std::string& more = "") {
    Scenario scenario;
    scenario.top = absl::StrCat("tracing: {otlp: \"", address, "\"", more, "}");
    return scenario;
  }

  std::string SeenTraceparent(size_t call) const {
    for (const auto& [name, value] : backend_.call(call).metadata) {
      if (name == "traceparent") return value;
    }
    return "";
  }

  int64_t DroppedBecause(const std::string& reason) {
    return Metric(absl::StrCat(kDropped, "{reason=\"", reason, "\"}"));
  }

  SpanCollector collector_;
};

TEST_F(TracingTest, ALedCallHasASpanAndItsUpstreamCallAChildOfIt) {
  Serve(Traced());
  EXPECT_THAT(Ask(kRead, "id-7", In('a')), IsOkWith("reply to id-7"));
  const Spans spans = collector_.WaitForSpans(2);
  const CollectedSpan server = ServerOf(spans, 'a'), client = ClientOf(spans, 'a');
  EXPECT_EQ(Hex(server.parent_span_id()), std::string(16, 'a'));
  EXPECT_THAT(client, IsChildOf(server));
  EXPECT_EQ(SeenTraceparent(0),
            absl::StrCat("00-", TraceOf('a'), "-", Hex(client.span_id()), "-01"));
  EXPECT_EQ(server.links_size() + client.links_size(), 0);
  EXPECT_EQ(server.name(), "test.Reads/Get");
  EXPECT_EQ(server.trace_state(), "vendor=1");
  EXPECT_EQ(RoleOf(server), "leader");
  EXPECT_EQ(CodeOf(server), "0");
  EXPECT_EQ(CodeOf(client), "0");
  EXPECT_FALSE(HasError(server) || HasError(client));
}

TEST_F(TracingTest, SpansSayWhereACallCameFromAndWhereItWent) {
  Serve(Traced(", service_name: shop"));
  Ask(kRead, "id-7", In('a'));
  const Spans spans = collector_.WaitForSpans(2);
  const CollectedSpan server = ServerOf(spans, 'a'), client = ClientOf(spans, 'a');
  EXPECT_EQ(collector_.service(), "shop");
  EXPECT_EQ(AttributeOf(server, "network.peer.address"), "127.0.0.1");
  EXPECT_EQ(AttributeOf(server, "singleflight.route"), "/test.Reads/*");
  EXPECT_EQ(AttributeOf(client, "singleflight.upstream"), "backend");
  EXPECT_EQ(absl::StrCat(AttributeOf(client, "network.peer.address"), ":",
                         AttributeOf(client, "network.peer.port")),
            backend_.address());
  EXPECT_GE(server.end_time_unix_nano(), client.end_time_unix_nano());
  EXPECT_LE(server.start_time_unix_nano(), client.start_time_unix_nano());
}

TEST_F(TracingTest, AFollowerLinksToTheCallThatMadeItsReply) {
  Serve(Traced());
  backend_.Hold();
  PendingCall leader = Start(kRead, "id-7", In('a'));
  backend_.WaitForHeld(1);
  PendingCall follower = Start(kRead, "id-7", In('b'));
  WaitForWaiters(2);
  backend_.Release();
  EXPECT_THAT(leader.Wait(), IsOkWith("reply to id-7"));
  EXPECT_THAT(follower.Wait(), IsOkWith("reply to id-7"));
  const Spans spans = collector_.WaitForSpans(3);
  EXPECT_EQ(RoleOf(ServerOf(spans, 'b')), "follower");
  EXPECT_THAT(ServerOf(spans, 'b'), LinksTo(ClientOf(spans, 'a')));
  EXPECT_EQ(ServerOf(spans, 'a').links_size(), 0);
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(TracingTest, FollowersOnOtherThreadsLinkToo) {
  Scenario scenario = Traced();
  scenario.top += "\nthreads: 2";
  Serve(scenario);
  backend_.Hold();
  PendingCall leader = Start(kRead, "id-7", In('a'));
  backend_.WaitForHeld(1);
  std::vector<Client> clients;
  std::vector<PendingCall> followers;
  for (const char trace : {'b', 'c', 'd', 'e'}) {
    followers.push_back(clients.emplace_back(NewClient()).Start(kRead, "id-7", In(trace)));
  }
  WaitForWaiters(5);
  backend_.Release();
  EXPECT_THAT(WaitAll(followers), Each(IsOkWith("reply to id-7")));
  const Spans spans = collector_.WaitForSpans(6);
  for (const char trace : {'b', 'c', 'd', 'e'}) {
    EXPECT_THAT(ServerOf(spans, trace), LinksTo(ClientOf(spans, 'a')));
  }
}

TEST_F(TracingTest, AHitLinksToTheCallThatFilledItsEntry) {
  Scenario scenario = Traced();
  scenario.cache = "{ttl: 1h}";
  Serve(scenario);
  Ask(kRead, "id-7", In('a'));
  EXPECT_THAT(Ask(kRead, "id-7", In('b')), IsOkWith("reply to id-7"));
  const Spans spans = collector_.WaitForSpans(3);
  EXPECT_EQ(RoleOf(ServerOf(spans, 'b')), "hit");
  EXPECT_THAT(ServerOf(spans, 'b'), LinksTo(ClientOf(spans, 'a')));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(TracingTest, ARelayedCallHasASpanAndItsUpstreamCallAChildOfIt) {
  Serve(Traced());
  EXPECT_THAT(Ask(kWrite, "id-7", In('a')), IsOkWith("reply to id-7"));
  const Spans spans = collector_.WaitForSpans(2);
  EXPECT_EQ(RoleOf(ServerOf(spans, 'a')), "relay");
  EXPECT_THAT(ClientOf(spans, 'a'), IsChildOf(ServerOf(spans, 'a')));
  EXPECT_THAT(SeenTraceparent(0), HasSubstr(Hex(ClientOf(spans, 'a').span_id())));
}

TEST_F(TracingTest, AReplyThatIsAnErrorIsOneOfTheUpstreamCall) {
  Serve(Traced());
  backend_.AnswerWith(Failed(absl::StatusCode::kNotFound, "no such id"));
  Ask(kRead, "id-7", In('a'));
  const Spans spans = collector_.WaitForSpans(2);
  EXPECT_TRUE(HasError(ClientOf(spans, 'a')));
  EXPECT_EQ(CodeOf(ClientOf(spans, 'a')), "5");
  EXPECT_FALSE(HasError(ServerOf(spans, 'a')));
  EXPECT_EQ(CodeOf(ServerOf(spans, 'a')), "5");
}

TEST_F(TracingTest, AnUpstreamCallThatNobodyAnsweredSaysWhy) {
  Serve(Traced());
  backend_.Hold();
  PendingCall call = Start(kRead, "id-7", In('a'));
  backend_.WaitForHeld(1);
  call.Cancel();
  const Spans spans = collector_.WaitForSpans(2);
  EXPECT_TRUE(HasError(ClientOf(spans, 'a')));
  EXPECT_EQ(CodeOf(ClientOf(spans, 'a')), "");
  EXPECT_EQ(AttributeOf(ClientOf(spans, 'a'), "error.type"), "cancelled");
}

TEST_F(TracingTest, ACallThatIsNotSampledPassesAsItCame) {
  Serve(Traced());
  Ask(kRead, "id-7", In('a', false));
  Ask(kRead, "id-8");
  Ask(kRead, "id-9", In('b'));
  EXPECT_THAT(collector_.WaitForSpans(2), SizeIs(2));
  EXPECT_EQ(SeenTraceparent(0), Traceparent('a', false));
  EXPECT_EQ(SeenTraceparent(1), "");
}

TEST_F(TracingTest, AFollowerOfACallThatIsNotRecordedHasNoLink) {
  Serve(Traced());
  backend_.Hold();
  PendingCall leader = Start(kRead, "id-7", In('a', false));
  backend_.WaitForHeld(1);
  PendingCall follower = Start(kRead, "id-7", In('b'));
  WaitForWaiters(2);
  backend_.Release();
  follower.Wait();
  const Spans spans = collector_.WaitForSpans(1);
  EXPECT_EQ(RoleOf(ServerOf(spans, 'b')), "follower");
  EXPECT_EQ(ServerOf(spans, 'b').links_size(), 0);
  EXPECT_EQ(SeenTraceparent(0), Traceparent('a', false));
}

TEST_F(TracingTest, NothingElseOfARecordedCallIsChanged) {
  Serve(Traced());
  CallOptions with = In('a'), without = In('a', false);
  for (CallOptions* options : {&with, &without}) options->metadata.emplace_back("x-tenant", "blue");
  Ask(kWrite, "id-7", with);
  Ask(kWrite, "id-7", without);
  std::vector<Metadata> seen;
  for (const size_t call : {0, 1}) {
    seen.push_back(backend_.call(call).metadata);
    std::erase_if(seen.back(), [](const auto& field) { return field.first == "traceparent"; });
  }
  EXPECT_EQ(seen[0], seen[1]);
}

TEST_F(TracingTest, AShareOfTheCallsWithoutATraceBeginsOne) {
  Serve(Traced(", sample: 100%"));
  Ask(kRead, "id-7");
  const Spans spans = collector_.WaitForSpans(2);
  const auto server = std::find_if(spans.begin(), spans.end(), IsServer);
  const auto client = std::find_if(spans.begin(), spans.end(), IsClient);
  ASSERT_TRUE(server != spans.end() && client != spans.end());
  EXPECT_EQ(server->parent_span_id(), "");
  EXPECT_THAT(*client, IsChildOf(*server));
  EXPECT_THAT(SeenTraceparent(0), HasSubstr(Hex(client->span_id())));
}

TEST_F(TracingTest, WithoutTracingTraceContextPassesAsItCame) {
  Serve();
  Ask(kRead, "id-7", In('a'));
  Ask(kWrite, "id-7", In('b'));
  EXPECT_EQ(SeenTraceparent(0), Traceparent('a'));
  EXPECT_EQ(SeenTraceparent(1), Traceparent('b'));
}

TEST_F(TracingTest, AReloadTurnsItOnAndOff) {
  Serve();
  Ask(kRead, "id-7", In('a'));
  Reload(Traced());
  Ask(kRead, "id-7", In('b'));
  collector_.WaitForSpans(2);
  Reload({});
  Ask(kRead, "id-7", In('c'));
  EXPECT_EQ(SeenTraceparent(2), Traceparent('c'));
  EXPECT_EQ(collector_.spans(), 2);
}

TEST_F(TracingTest, ACollectorThatIsAwayCostsNoCallAnything) {
  Serve(TracedTo("unix:/nowhere/collector.sock", ", timeout: 10ms"));
  EXPECT_THAT(Ask(kRead, "id-7", In('a')), IsOkWith("reply to id-7"));
  EXPECT_THAT(Ask(kWrite, "id-7", In('b')), IsOkWith("reply to id-7"));
  proxy_->WaitForMetric(absl::StrCat(kDropped, "{reason=\"unreachable\"}"), Eq(4));
  proxy_->WaitForLog(HasSubstr("takes no spans"));
  EXPECT_EQ(Metric("singleflight_spans_exported_total"), 0);
}

TEST_F(TracingTest, WhatTheCollectorTakesAndRefusesIsCounted) {
  Serve(Traced());
  Ask(kRead, "id-7", In('a'));
  proxy_->WaitForMetric("singleflight_spans_exported_total", Eq(2));
  collector_.Set(SpanCollector::Mood::kRefuses);
  Ask(kRead, "id-8", In('b'));
  proxy_->WaitForMetric(absl::StrCat(kDropped, "{reason=\"refused\"}"), Eq(2));
  EXPECT_EQ(DroppedBecause("unreachable"), 0);
}

// It serves, and it ends, whatever the collector does.
TEST_F(TracingTest, ACollectorThatNeverAnswersHoldsUpNeitherCallsNorTheEnd) {
  collector_.Set(SpanCollector::Mood::kFrozen);
  Serve(Traced(", timeout: 1m"));
  Ask(kRead, "id-7", In('a'));
  collector_.WaitForSpans(2);
  EXPECT_THAT(Ask(kRead, "id-8", In('b')), IsOkWith("reply to id-8"));
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
  EXPECT_THAT(proxy_->err(), HasSubstr("4 spans were left unsent"));
}

TEST_F(TracingTest, WhatIsLeftAtTheEndIsSent) {
  Serve(Traced());
  Ask(kRead, "id-7", In('a'));
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
  EXPECT_EQ(collector_.spans(), 2);
}

TEST_F(TracingTest, ACollectorMayWantTls) {
  Authority authority("test CA");
  const CertificateFiles own = authority.Sign("collector.example");
  SpanCollector secured(PeerTls{"", own.certificate, own.private_key});
  Serve(TracedTo(secured.address(), absl::StrCat(", tls: {ca: ", authority.ca(),
                                                 ", server_name: collector.example}")));
  Ask(kRead, "id-7", In('a'));
  EXPECT_THAT(secured.WaitForSpans(2), SizeIs(2));
}

}  // namespace
}  // namespace singleflight::testing
