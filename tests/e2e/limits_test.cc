// What clients may do, and what becomes of those that do more.

#include <unistd.h>

#include <list>

#include "tests/testing/http_get.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;

class LimitsTest : public ProxyTest {
 protected:
  void ServeWith(const std::string& limits, const std::string& listeners = "") {
    Scenario scenario;
    scenario.top = "limits: {" + limits + "}";
    if (!listeners.empty()) scenario.listeners = listeners;
    Serve(scenario);
  }

  int64_t Ended(const std::string& reason) {
    return Metric("singleflight_connections_ended_total{reason=\"" + reason + "\"}");
  }
  void WaitForEnded(const std::string& reason) {
    proxy_->WaitForMetric("singleflight_connections_ended_total{reason=\"" + reason + "\"}", Ge(1));
  }
  void WaitForRefused(const std::string& reason) {
    proxy_->WaitForMetric("singleflight_connections_refused_total{reason=\"" + reason + "\"}",
                          Ge(1));
  }

  // Goes on until the proxy has closed the connection.
  static void AwaitHungUp(RawConnection& connection) {
    const Deadline deadline;
    while (connection.Pump(5)) ASSERT_FALSE(deadline.passed());
  }
};

TEST_F(LimitsTest, AConnectionBeyondMaxConnectionsIsClosedUntilThereIsRoom) {
  ServeWith("max_connections: 1");
  auto first = std::make_unique<RawConnection>(ConnectTo(proxy_->address()), false);
  first->Pump(0);
  proxy_->WaitForMetric("singleflight_connections", Eq(1));
  RawConnection second(ConnectTo(proxy_->address()), false);
  AwaitHungUp(second);
  WaitForRefused("max_connections");
  proxy_->WaitForLog(HasSubstr("limits.max_connections is reached (127.0.0.1:"));
  first.reset();
  proxy_->WaitForMetric("singleflight_connections", Eq(0));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(LimitsTest, OneAddressMayNotHaveMoreConnectionsThanItsShare) {
  ServeWith("max_connections_per_address: 2");
  Client one = NewClient(), two = NewClient();
  EXPECT_THAT(one.Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_THAT(two.Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  RawConnection third(ConnectTo(proxy_->address()), false);
  AwaitHungUp(third);
  WaitForRefused("max_connections_per_address");
  EXPECT_THAT(one.Ask(kRead, "id-8"), IsOkWith("reply to id-8"));
}

TEST_F(LimitsTest, AUnixSocketHasNoAddressToBeLimitedBy) {
  const TemporaryPath path;
  ServeWith("max_connections_per_address: 1", "[{address: \"unix:" + path.path() + "\"}]");
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(NewClient());
    EXPECT_THAT(clients.back().Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  }
}

// PITFALLS 27
TEST_F(LimitsTest, WhoConnectsAndSaysNothingIsHungUpOn) {
  ServeWith("handshake_timeout: 50ms");
  const int silent = ConnectTo(proxy_->address());
  WaitForEnded("handshake_timeout");
  proxy_->WaitForMetric("singleflight_connections", Eq(0));
  ::close(silent);
}

TEST_F(LimitsTest, WhoConnectsAndAsksForNothingIsSentAway) {
  ServeWith("first_request_timeout: 50ms");
  RawConnection idle(ConnectTo(proxy_->address()), false);
  AwaitHungUp(idle);
  WaitForEnded("first_request_timeout");
}

TEST_F(LimitsTest, AnIdleConnectionIsSentAwayAndACallerThatComesBackIsServed) {
  ServeWith("idle_timeout: 50ms");
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  WaitForEnded("idle_timeout");
  proxy_->WaitForMetric("singleflight_connections", Eq(0));
  EXPECT_THAT(Ask(kRead, "id-7", {.wait_for_ready = true}), IsOkWith("reply to id-7"));
}

TEST_F(LimitsTest, AConnectionIsNotIdleDuringALongCall) {
  ServeWith("idle_timeout: 50ms");
  backend_.Hold();
  PendingCall call = Start(kWrite, "id-7");
  backend_.WaitForHeld(1);
  backend_.HoldNoMore();
  RawClient other(proxy_->address());  // its connection is younger, and idle
  other.Call(RawCall(kWrite, "id-8"));
  WaitForEnded("idle_timeout");
  backend_.Release();
  EXPECT_THAT(call.Wait(), IsOkWith("reply to id-7"));
}

TEST_F(LimitsTest, AnOldConnectionsCallsRunToTheirEnd) {
  ServeWith("max_connection_age: 50ms");
  backend_.Hold();
  PendingCall call = Start(kWrite, "id-7");
  backend_.WaitForHeld(1);
  WaitForEnded("max_connection_age");
  backend_.Release();
  EXPECT_THAT(call.Wait(), IsOkWith("reply to id-7"));
}

TEST_F(LimitsTest, CallsOfAnOldConnectionAreCutAfterTheGrace) {
  ServeWith("max_connection_age: 50ms, max_connection_age_grace: 50ms");
  backend_.Hold();
  PendingCall call = Start(kWrite, "id-7");
  EXPECT_THAT(call.Wait(), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_GE(Ended("max_connection_age_grace"), 1);
  backend_.Release();
}

// PITFALLS 29
TEST_F(LimitsTest, AMessageLargerThanMaxMessageBytesIsRefused) {
  ServeWith("max_message_bytes: 1000");
  for (const char* method : {kRead, kWrite}) {
    EXPECT_THAT(Ask(method, std::string(1001, 'x')),
                FailedWith(absl::StatusCode::kResourceExhausted, HasSubstr("max_message_bytes")));
    EXPECT_THAT(Ask(method, std::string(1000, 'x')), HasCode(absl::StatusCode::kOk));
  }
}

TEST_F(LimitsTest, MoreHeaderFieldsThanMaxHeaderCountAreRefused) {
  ServeWith("max_header_count: 20");
  CallOptions many;
  for (int i = 0; i < 20; ++i) many.metadata.emplace_back("x-field", std::to_string(i));
  EXPECT_THAT(Ask(kRead, "id-7", many),
              FailedWith(absl::StatusCode::kResourceExhausted, HasSubstr("max_header_count")));
  EXPECT_EQ(Metric("singleflight_calls_shed_total{reason=\"max_header_count\"}"), 1);
}

// PITFALLS 27
TEST_F(LimitsTest, ARequestThatTricklesIsRelayedOnItsOwn) {
  ServeWith("request_timeout: 50ms");
  RawClient client(proxy_->address());
  const std::string framed = Framed("id-7");
  const int32_t call = client.Open({UpstreamHead(kRead), {framed.substr(0, 6)}, {}, false});
  client.Until(
      [this] { return Metric("singleflight_calls_by_role_total{reason=\"slow_request\"}") == 1; });
  client.Reset(call, 0x8);
  client.Wait(call);
}

// PITFALLS 27: a window of zero held open.
TEST_F(LimitsTest, ACallWhoseReplyIsNotTakenIsResetAndOthersAreNot) {
  ServeWith("stall_timeout: 50ms");
  backend_.AnswerWith(Ok(std::string(300000, 'x')));
  RawClient deaf(proxy_->address(), /*stream_window=*/0);
  const RawSeen seen = deaf.Wait(deaf.Open(RawCall(kRead, "id-7")));
  EXPECT_EQ(seen.reset, 0x8u);
  EXPECT_EQ(Metric("singleflight_streams_ended_total{reason=\"stall_timeout\"}"), 1);
  EXPECT_EQ(Metric("singleflight_stream_resets_total"), 0) << "not the client's";
  backend_.AnswerWith(Ok("small"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("small"));
}

TEST_F(LimitsTest, AStalledDownloadCancelsItsBackend) {
  ServeWith("stall_timeout: 50ms");
  backend_.AnswerWith(Ok(std::string(4 << 20, 'x')));
  backend_.KeepOpen();
  RawClient deaf(proxy_->address(), /*stream_window=*/0);
  EXPECT_EQ(deaf.Wait(deaf.Open(RawCall(kWrite, "id-7"))).reset, 0x8u);
  backend_.WaitForCancelled(1);
}

// PITFALLS 14
TEST_F(LimitsTest, PastMaxBufferedBytesNewCallsAreRefusedUntilThereIsRoom) {
  Serve({.upstream = "max_held_bytes: 8MiB", .top = "limits: {max_buffered_bytes: 3MiB}"});
  backend_.Hold();
  // None may have more than half. Each takes a MiB: its message, and as much for its key.
  std::list<RawClient> clients;
  for (const char content : {'a', 'b', 'c'}) {
    clients.emplace_back(proxy_->address(), /*stream_window=*/0);
    clients.back().Open(RawCall(kRead, std::string(500 << 10, content)));
    const int64_t all = static_cast<int64_t>(clients.size()) << 20;
    clients.back().Until([&] { return Metric("singleflight_buffered_bytes") > all; });
  }
  EXPECT_THAT(Ask(kWrite, "id-7"),
              FailedWith(absl::StatusCode::kResourceExhausted, HasSubstr("max_buffered_bytes")));
  EXPECT_EQ(Metric("singleflight_calls_shed_total{reason=\"max_buffered_bytes\"}"), 1);
  clients.clear();
  proxy_->WaitForMetric("singleflight_buffered_bytes", Eq(0));
  backend_.Release();
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
}

// PITFALLS 14
TEST_F(LimitsTest, PastMaxBufferedBytesARelayedReplyThatIsLeftUnreadIsReset) {
  ServeWith("max_buffered_bytes: 1MiB");
  backend_.AnswerWith(Ok(std::string(4 << 20, 'x')));
  RawClient deaf(proxy_->address(), /*stream_window=*/0);
  std::vector<int32_t> calls;
  for (int i = 0; i < 8; ++i) calls.push_back(deaf.Open(RawCall(kWrite, "id-7")));
  deaf.Until(
      [&] { return Metric("singleflight_calls_shed_total{reason=\"max_buffered_bytes\"}") > 0; });
  proxy_->WaitForMetric("singleflight_buffered_bytes", ::testing::Le((1 << 20) + (128 << 10)));
  for (const int32_t call : calls) deaf.Reset(call, 0x8);
  for (const int32_t call : calls) deaf.Wait(call);
}

}  // namespace
}  // namespace singleflight::testing
