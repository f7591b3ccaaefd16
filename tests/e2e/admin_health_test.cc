// grpc.health.v1 beside the admin service.

#include <csignal>

#include "tests/e2e/admin_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;

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

}  // namespace
}  // namespace singleflight::testing
