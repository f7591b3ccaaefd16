// Backends that come, go, and are several.

#include <csignal>

#include "tests/testing/http_get.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;

class UpstreamTest : public ProxyTest {
 protected:
  // Asks until there is an answer: a connection is tried again in a while only.
  Answer AskUntilOk(const std::string& method, const std::string& message) {
    const Deadline deadline;
    Answer answer;
    do {
      answer = Ask(method, message);
    } while (answer.code == absl::StatusCode::kUnavailable && !deadline.passed());
    return answer;
  }
};

TEST_F(UpstreamTest, ABackendThatIsNotThereYetIsNoFailureToStart) {
  backend_.Stop();
  Serve();
  const auto unreachable =
      FailedWith(absl::StatusCode::kUnavailable,
                 AllOf(HasSubstr("upstream 'backend'"), HasSubstr(backend_.address()),
                       HasSubstr("Connection refused")));
  EXPECT_THAT(Ask(kRead, "id-7"), unreachable);
  EXPECT_THAT(Ask(kWrite, "id-7"), unreachable);
  backend_.Start();
  EXPECT_THAT(AskUntilOk(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(UpstreamTest, ADeadBackendShowsAtItsEndpoint) {
  Serve();
  const std::string endpoint = "{upstream=\"backend\",endpoint=\"" + backend_.address() + "\"}";
  const std::string up = "singleflight_upstream_endpoint_up" + endpoint;
  Ask(kWrite, "id-7");
  EXPECT_EQ(Metric(up), 1);
  EXPECT_EQ(Metric("singleflight_upstream_endpoint_calls_total" + endpoint), 1);
  EXPECT_EQ(Metric("singleflight_upstream_endpoint_connections" + endpoint), 1);
  backend_.Stop();
  Ask(kWrite, "id-7");
  proxy_->WaitForMetric(up, Eq(0));
  backend_.Start();
  AskUntilOk(kWrite, "id-7");
  proxy_->WaitForMetric(up, Eq(1));
}

TEST_F(UpstreamTest, ABackendThatStopsInMidHerdLeavesNobodyHanging) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(100);
  backend_.WaitForHeld(1);
  backend_.Stop();
  for (const Answer& answer : WaitAll(herd)) {
    EXPECT_THAT(answer.code, AnyOf(absl::StatusCode::kUnavailable, absl::StatusCode::kCancelled));
  }
  backend_.Release();
  backend_.Start();
  EXPECT_THAT(AskUntilOk(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(UpstreamTest, CallsGoRoundTheEndpoints) {
  Backend other;
  Serve({.target = "endpoints: [\"" + backend_.address() + "\", \"" + other.address() + "\"]"});
  Ask(kWrite, "the first makes the connections");
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(2));
  const int before = backend_.calls() + other.calls();
  const int own_before = backend_.calls();
  for (int i = 0; i < 10; ++i) EXPECT_THAT(Ask(kWrite, "id-7"), HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(backend_.calls() + other.calls(), before + 10);
  EXPECT_EQ(backend_.calls(), own_before + 5);
}

TEST_F(UpstreamTest, AnEndpointThatIsDownIsPassedOver) {
  Backend other;
  Serve({.target = "endpoints: [\"" + backend_.address() + "\", \"" + other.address() + "\"]"});
  backend_.Stop();
  for (int i = 0; i < 10; ++i) EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(other.calls(), 10);
}

TEST_F(UpstreamTest, UnixSocketsServeOnBothSides) {
  const TemporaryPath front;
  const TemporaryPath back;
  Backend behind("unix:" + back.path());
  Serve({.target = "target: \"unix:" + back.path() + "\"",
         .listeners = "[{address: \"unix:" + front.path() + "\"}]"});
  EXPECT_EQ(proxy_->address(), "unix:" + front.path());
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(behind.call(0).authority, "localhost");
}

TEST_F(UpstreamTest, ANameIsLookedUp) {
  const std::string port = backend_.address().substr(backend_.address().rfind(':'));
  Serve({.target = "target: \"dns:///localhost" + port + "\""});
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.call(0).authority, "localhost" + port);
}

TEST_F(UpstreamTest, ANameThatCannotBeLookedUpIsNamed) {
  Serve({.target = "target: no-such-host.invalid:1"});
  EXPECT_THAT(Ask(kRead, "id-7"),
              FailedWith(absl::StatusCode::kUnavailable, HasSubstr("no-such-host.invalid")));
}

// A backend of its own process, which can be killed. It never answers by itself.
class KilledTest : public UpstreamTest {
 protected:
  static constexpr char kGetItem[] = "/demo.v1.Catalog/GetItem";
  static constexpr char kItem[] = "\x0a\x04kept";  // id: "kept"

  std::unique_ptr<ChildProcess> StartVictim(const std::string& listen, const std::string& delay) {
    auto victim = std::make_unique<ChildProcess>(
        std::vector<std::string>{DEMO_BACKEND, "--listen=" + listen, "--delay=" + delay});
    const std::string line = victim->ReadLine();
    address_ = line.substr(line.rfind(' ') + 1);
    address_.pop_back();
    return victim;
  }

  std::vector<PendingCall> StartKeptHerd(int callers) {
    std::vector<PendingCall> calls;
    for (int i = 0; i < callers; ++i) calls.push_back(Start(kGetItem, kItem));
    WaitForWaiters(callers);
    proxy_->WaitForMetric("singleflight_upstream_calls_active", Eq(1));
    return calls;
  }

  // By its own count: field 1, which Protobuf leaves out while it is zero.
  bool VictimHasCalls() {
    const Answer stats = Client(address_).Ask("/demo.v1.Inspection/GetStats", "");
    return stats.messages.at(0).front() == '\x08';
  }

  std::string address_;
};

TEST_F(KilledTest, AKilledBackendIsReportedToTheWholeHerdAndItsSuccessorServes) {
  auto victim = StartVictim("127.0.0.1:0", "10m");
  Serve({.other_collapse = "true", .target = "target: \"" + address_ + "\""});
  std::vector<PendingCall> herd = StartKeptHerd(100);
  victim->Signal(SIGKILL);
  EXPECT_THAT(WaitAll(herd),
              Each(FailedWith(absl::StatusCode::kUnavailable, HasSubstr("upstream 'backend'"))));
  victim = StartVictim(address_, "1ms");
  EXPECT_THAT(AskUntilOk(kGetItem, kItem), HasCode(absl::StatusCode::kOk));
}

TEST_F(KilledTest, AFlightThatLosesItsBackendIsSentToAnother) {
  auto victim = StartVictim("127.0.0.1:0", "10m");
  Serve({.other_collapse = "true",
         .target = "endpoints: [\"" + address_ + "\", \"" + backend_.address() + "\"]"});
  std::vector<PendingCall> calls;  // each of its own key, until the victim has one
  const Deadline deadline;
  while (!VictimHasCalls() && !deadline.passed()) {
    calls.push_back(
        Start(kGetItem, kItem, {.metadata = {{"x-key", std::to_string(calls.size())}}}));
  }
  victim->Signal(SIGKILL);
  EXPECT_THAT(WaitAll(calls), Each(HasCode(absl::StatusCode::kOk)));
  EXPECT_THAT(Metric("singleflight_upstream_calls_resent_total"), Ge(1));
}

// PITFALLS 57: the kernel goes on to take its connections.
class StoppedTest : public KilledTest {
 protected:
  void ServeBoth() {
    Serve({.upstream = "ping_after: 300ms\n    ping_timeout: 300ms\n    connect_timeout: 300ms",
           .target = "endpoints: [\"" + address_ + "\", \"" + backend_.address() + "\"]"});
    Ask(kGetItem, kItem);  // makes the connections
    proxy_->WaitForMetric("singleflight_upstream_connections", Eq(2));
  }

  // Calls, in turn, that the one which is stopped gets until it is found out.
  std::vector<Answer> AskUntilFoundOut() {
    std::vector<PendingCall> calls;
    for (int i = 0; i < 2; ++i) calls.push_back(Start(kGetItem, kItem));
    proxy_->WaitForMetric("singleflight_upstream_connections_silent_total", Eq(1));
    return WaitAll(calls);
  }
};

TEST_F(StoppedTest, ABackendThatIsStoppedLosesItsCallsAndGetsNoMoreUntilItGoesOn) {
  const auto stopped = StartVictim("127.0.0.1:0", "1ms");
  ServeBoth();
  stopped->Signal(SIGSTOP);
  EXPECT_THAT(AskUntilFoundOut(),
              Contains(FailedWith(absl::StatusCode::kUnavailable, HasSubstr("ping_timeout"))));
  EXPECT_EQ(Metric("singleflight_upstream_unanswered_total{reason=\"ping_timeout\"}"), 1);
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(Ask(kGetItem, kItem, {.timeout = std::chrono::seconds(20)}),
                HasCode(absl::StatusCode::kOk));
  }
  proxy_->WaitForLog(HasSubstr(address_ + " does not answer"));
  EXPECT_EQ(HttpGet(proxy_->health(), "/readyz").status, 200);

  stopped->Signal(SIGCONT);
  for (const Deadline deadline; Metric("singleflight_upstream_connections") < 2;) {
    ASSERT_FALSE(deadline.passed());
    Ask(kGetItem, kItem);
  }
  proxy_->WaitForLog(HasSubstr("connected to " + address_ + " again"));
}

TEST_F(StoppedTest, ABackendThatIsStoppedShowsInTheNextScrape) {
  const auto stopped = StartVictim("127.0.0.1:0", "1ms");
  Serve({.target = "target: \"" + address_ + "\""});
  EXPECT_THAT(Ask(kGetItem, kItem), HasCode(absl::StatusCode::kOk));
  proxy_->WaitForMetric("singleflight_replies_total{code=\"OK\"}", Eq(1));
  stopped->Signal(SIGSTOP);
  PendingCall patient = Start(kGetItem, kItem, {.timeout = std::chrono::seconds(20)});
  proxy_->WaitForMetric("singleflight_calls_in_progress{role=\"relay\"}", Eq(1));
  EXPECT_THAT(Ask(kGetItem, kItem, {.timeout = std::chrono::milliseconds(300)}),
              HasCode(absl::StatusCode::kDeadlineExceeded));
  proxy_->WaitForMetric("singleflight_upstream_unanswered_total{reason=\"deadline\"}", Eq(1));
  proxy_->WaitForMetric("singleflight_replies_total", Eq(2));
  EXPECT_EQ(Metric("singleflight_replies_total{code=\"OK\"}"), 1);
  for (const char* histogram : {"call", "upstream_call"}) {
    const std::string name = std::string("singleflight_") + histogram + "_duration_seconds";
    EXPECT_EQ(Metric(name + "_count"), 2);
    EXPECT_EQ(Metric(name + "_bucket{le=\"0.1\"}"), 1);
    EXPECT_EQ(Metric(name + "_bucket{le=\"1\"}"), 2);
  }
  stopped->Signal(SIGCONT);
  EXPECT_THAT(patient.Wait(), HasCode(absl::StatusCode::kOk));
}

TEST_F(KilledTest, AKilledProxyComesBackOnItsSocket) {
  const TemporaryPath front;
  const Scenario scenario{.listeners = "[{address: \"unix:" + front.path() + "\"}]"};
  Serve(scenario);
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  proxy_->Signal(SIGKILL);
  EXPECT_EQ(proxy_->WaitExit(), 128 + SIGKILL);
  Serve(scenario);
  EXPECT_THAT(AskUntilOk(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(KilledTest, AKilledProxyComesBackOnItsPort) {
  Serve();
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  proxy_->Signal(SIGKILL);
  EXPECT_EQ(proxy_->WaitExit(), 128 + SIGKILL);
  Serve({.listeners = "[{address: \"" + proxy_->address() + "\"}]"});
  EXPECT_THAT(AskUntilOk(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(UpstreamTest, TwoListenersShareFlights) {
  Serve({.listeners = "[{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:0\"}]"});
  backend_.Hold();
  Client other(proxy_->address(1));
  std::vector<PendingCall> calls;
  calls.push_back(Start(kRead, "id-7"));
  calls.push_back(other.Start(kRead, "id-7"));
  WaitForWaiters(2);
  backend_.Release();
  EXPECT_THAT(WaitAll(calls), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(backend_.calls(), 1);
}

}  // namespace
}  // namespace singleflight::testing
