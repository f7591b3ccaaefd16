// One of three backends is killed, stopped, or answers errors, while calls go on: what callers see
// of it, who takes over, how it comes back, and what operators see. And a health check.

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <csignal>

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Le;

// `backend_`, `other_` and a victim, each an endpoint of one upstream.
class HealingTest : public ProxyTest {
 protected:
  static constexpr char kGetItem[] = "/demo.v1.Catalog/GetItem";
  static constexpr char kItem[] = "\x0a\x04kept";  // id: "kept"
  static constexpr int kAtATime = 6;

  void ServeWith(const std::string& victim, const std::string& options) {
    victim_ = victim;
    Serve({.upstream = options,
           .target = "endpoints: [\"" + victim + "\", \"" + backend_.address() + "\", \"" +
                     other_.address() + "\"]",
           .top = "admin: {grpc: \"unix:" + admin_.path() + "\"}"});
    Ask(kGetItem, kItem);
    proxy_->WaitForMetric("singleflight_upstream_connections", Eq(3));
  }

  std::unique_ptr<ChildProcess> StartProcess(const std::string& listen, std::string* address) {
    auto process = std::make_unique<ChildProcess>(
        std::vector<std::string>{DEMO_BACKEND, "--listen=" + listen, "--delay=1ms"});
    const std::string line = process->ReadLine();
    *address = line.substr(line.rfind(' ') + 1);
    address->pop_back();
    return process;
  }

  std::string OfVictim(const std::string& metric) const {
    return "singleflight_upstream_endpoint_" + metric + "{upstream=\"backend\",endpoint=\"" +
           victim_ + "\"}";
  }

  // How many of so many calls fail, and fail as calls of a bad backend do.
  int Failures(int calls) {
    int failed = 0;
    std::vector<PendingCall> under_way;
    for (int i = 0; i < calls; ++i) {
      under_way.push_back(Start(kGetItem, kItem));
      if (under_way.size() < kAtATime && i + 1 < calls) continue;
      for (const Answer& answer : WaitAll(under_way)) {
        if (answer.code == absl::StatusCode::kOk) continue;
        EXPECT_EQ(answer.code, absl::StatusCode::kUnavailable) << answer.error;
        ++failed;
      }
      under_way.clear();
    }
    return failed;
  }

  // Until the victim has got one more.
  void AwaitItsTurn() {
    const int64_t before = Metric(OfVictim("calls_total"));
    const Deadline deadline;
    while (Metric(OfVictim("calls_total")) == before && !deadline.passed()) {
      EXPECT_EQ(Failures(3), 0);
    }
    EXPECT_FALSE(deadline.passed());
  }

  std::string Upstreams() const {
    ChildProcess ctl({SINGLEFLIGHT_CTL, "--address", "unix:" + admin_.path(), "upstreams"});
    EXPECT_EQ(ctl.WaitExit(), 0) << ctl.err();
    return ctl.out();
  }

  const TemporaryPath admin_;
  Backend other_;
  std::string victim_;
};

TEST_F(HealingTest, OneThatAnswersUnavailableIsEjectedAndComesBack) {
  Backend victim;
  ServeWith(victim.address(), "ejection: {failures: 3, time: 2s, slow_start: 0s}");
  victim.AnswerWith(Failed(absl::StatusCode::kUnavailable, "not today"));
  EXPECT_THAT(Failures(90), Le(3 + kAtATime));
  proxy_->WaitForMetric(OfVictim("ejected"), Eq(1));
  EXPECT_THAT(Upstreams(), AllOf(HasSubstr("ejected"), HasSubstr("3 failures in a row")));
  victim.AnswerWith(Ok("well again"));
  proxy_->WaitForMetric(OfVictim("ejected"), Eq(0));
  AwaitItsTurn();
  EXPECT_EQ(Metric(OfVictim("ejections_total")), 1);
  EXPECT_THAT(proxy_->err(), AllOf(HasSubstr(victim_ + ": it is ejected for 2s"),
                                   HasSubstr(victim_ + ": its ejection is over")));
}

TEST_F(HealingTest, OneThatIsKilledTakesItsCallsWithItAndItsSuccessorServes) {
  std::string address;
  auto victim = StartProcess("127.0.0.1:0", &address);
  ServeWith(address, "max_reconnect_backoff: 100ms");
  EXPECT_EQ(Failures(30), 0);
  victim->Signal(SIGKILL);
  EXPECT_THAT(Failures(90), Le(kAtATime));
  proxy_->WaitForMetric(OfVictim("up"), Eq(0));
  victim = StartProcess(address, &address);
  AwaitItsTurn();
  EXPECT_EQ(Metric(OfVictim("up")), 1);
}

TEST_F(HealingTest, OneThatIsStoppedIsFoundOutAndGoesOnWhenItDoes) {
  std::string address;
  auto victim = StartProcess("127.0.0.1:0", &address);
  ServeWith(address, "ping_after: 200ms\n    ping_timeout: 200ms\n    connect_timeout: 500ms");
  EXPECT_EQ(Failures(30), 0);
  victim->Signal(SIGSTOP);
  EXPECT_THAT(Failures(90), Le(kAtATime));
  proxy_->WaitForMetric(OfVictim("up"), Eq(0));
  EXPECT_THAT(proxy_->err(), HasSubstr(victim_ + " does not answer"));
  EXPECT_EQ(Failures(30), 0);
  victim->Signal(SIGCONT);
  AwaitItsTurn();
  proxy_->WaitForMetric(OfVictim("up"), Eq(1));
}

// A server of gRPC's own, which knows nothing but grpc.health.v1.
TEST_F(HealingTest, OneThatSaysThatItDoesNotServeGetsNoCalls) {
  grpc::EnableDefaultHealthCheckService(true);
  int port = 0;
  grpc::CallbackGenericService nothing_else;
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&nothing_else);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  grpc::EnableDefaultHealthCheckService(false);
  ASSERT_NE(server, nullptr);
  victim_ = "127.0.0.1:" + std::to_string(port);
  Serve({.upstream = "health_check: true",
         .target = "endpoints: [\"" + victim_ + "\"]",
         .top = "admin: {grpc: \"unix:" + admin_.path() + "\"}"});
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(1));
  EXPECT_THAT(Ask(kGetItem, kItem), HasCode(absl::StatusCode::kUnimplemented));
  server->GetHealthCheckService()->SetServingStatus(false);
  proxy_->WaitForMetric(OfVictim("unhealthy"), Eq(1));
  EXPECT_THAT(Ask(kGetItem, kItem),
              FailedWith(absl::StatusCode::kUnavailable, HasSubstr("is unhealthy (health_check)")));
  EXPECT_THAT(Upstreams(), AllOf(HasSubstr("unhealthy"), HasSubstr("NOT_SERVING")));
  server->GetHealthCheckService()->SetServingStatus(true);
  proxy_->WaitForMetric(OfVictim("unhealthy"), Eq(0));
  EXPECT_THAT(Ask(kGetItem, kItem), HasCode(absl::StatusCode::kUnimplemented));
}

}  // namespace
}  // namespace singleflight::testing
