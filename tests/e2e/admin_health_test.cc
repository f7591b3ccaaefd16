// grpc.health.v1 beside the admin service.

#include <csignal>

#include "tests/e2e/admin_fixture.h"
#include "tests/testing/http_get.h"
#include "tests/testing/stopped_thread.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using Status = health::HealthCheckResponse;

class AdminHealthTest : public AdminTest {
 protected:
  std::unique_ptr<grpc::ClientReader<Status>> Watch(grpc::ClientContext& context,
                                                    const std::string& service) {
    Prepare(context);
    health::HealthCheckRequest request;
    request.set_service(service);
    return health_->Watch(&context, request);
  }
};

TEST_F(AdminHealthTest, TheProcessAndEachUpstreamHaveAStatus) {
  ServeAdmin();
  EXPECT_EQ(Check(""), Status::SERVING);
  EXPECT_EQ(Check("backend"), Status::SERVING);
  grpc::ClientContext context;
  Prepare(context);
  health::HealthListResponse list;
  ASSERT_TRUE(health_->List(&context, {}, &list).ok());
  EXPECT_EQ(list.statuses().size(), 2);
  EXPECT_EQ(list.statuses().at("backend").status(), Status::SERVING);
}

TEST_F(AdminHealthTest, OtherServicesAreNotFound) {
  ServeAdmin();
  grpc::ClientContext context;
  Prepare(context);
  health::HealthCheckRequest request;
  request.set_service("nobody");
  Status response;
  EXPECT_THAT(health_->Check(&context, request, &response), HasStatus(grpc::StatusCode::NOT_FOUND));
  grpc::ClientContext watching;
  ASSERT_TRUE(Watch(watching, "nobody")->Read(&response));
  EXPECT_EQ(response.status(), Status::SERVICE_UNKNOWN);
}

TEST_F(AdminHealthTest, AnUpstreamWithNowhereToGoDoesNotServe) {
  ServeAdmin({.upstream = "max_reconnect_backoff: 1h"});
  Ask(kWrite, "id-7");
  backend_.Stop();
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(0));
  for (int i = 0; i < 12; ++i) Ask(kWrite, "id-7");
  WaitUntil([&] {
    Ask(kWrite, "id-7");
    return Check("backend") == Status::NOT_SERVING;
  });
  EXPECT_EQ(Check(""), Status::SERVING);
}

TEST_F(AdminHealthTest, AWatcherHearsThatTheProcessDrains) {
  ServeAdmin();
  backend_.Hold();
  PendingCall call = Start(kWrite, "id-7");
  backend_.WaitForHeld(1);
  grpc::ClientContext context;
  const auto watch = Watch(context, "");
  Status response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), Status::SERVING);
  proxy_->Signal(SIGTERM);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), Status::NOT_SERVING);
  backend_.Release();
  EXPECT_THAT(call.Wait(), HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

// The watchdog's interval decides how long a worker may be without a turn.
TEST_F(AdminHealthTest, AStuckWorkerIsSaidAndHoldsUpNoQuestion) {
  const std::string yaml = Yaml({.top = "threads: 2\nadmin: {grpc: \"127.0.0.1:0\"}"});
  proxy_ = std::make_unique<ProxyProcess>(
      yaml,
      ProxyProcess::Redirections{"", "export WATCHDOG_USEC=400000 NOTIFY_SOCKET=/nowhere/notify"});
  Connect(grpc::InsecureChannelCredentials());
  EXPECT_EQ(Check(""), Status::SERVING);
  {
    const StoppedThread stuck(proxy_->pid(), "worker 1");
    WaitUntil([&] { return Check("") == Status::NOT_SERVING; });
    EXPECT_EQ(Check("backend"), Status::NOT_SERVING);
    for (const char* page : {"/livez", "/readyz"}) {
      const HttpReply reply = HttpGet(proxy_->health(), page);
      EXPECT_EQ(reply.status, 503);
      EXPECT_THAT(reply.body, StartsWith("1 of 2 workers have not turned for 100ms"));
    }
    EXPECT_THAT(HttpGet(proxy_->health(), "/status").body, HasSubstr("1 of 2 workers"));
    EXPECT_EQ(proxy_->Metric("singleflight_workers_stuck"), 1);
    EXPECT_EQ(Info().workers(), 2);
    EXPECT_EQ(Get(&Admin::GetStats).flights(), 0);
    EXPECT_EQ(Get(&Admin::ListFlights).total(), 0);
    EXPECT_EQ(Get(&Admin::ListTopKeys).keys_size(), 0);
  }
  WaitUntil([&] { return Check("") == Status::SERVING; });
  EXPECT_EQ(HttpGet(proxy_->health(), "/livez").status, 200);
  proxy_->WaitForLog(HasSubstr("all workers turn again"));
}

}  // namespace
}  // namespace singleflight::testing
