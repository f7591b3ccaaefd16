// The real proxy with an admin address, and a client of the service there.

#ifndef SINGLEFLIGHT_TESTS_E2E_ADMIN_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_E2E_ADMIN_FIXTURE_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "singleflight/admin/v1/admin.grpc.pb.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {

namespace v1 = admin::v1;
namespace health = grpc::health::v1;

MATCHER_P(HasStatus, code, "") { return arg.error_code() == code; }

class AdminTest : public ProxyTest {
 protected:
  static constexpr char kToken[] = "a-token-of-this-test";

  // Where nothing else is said: on a port of loopback, with a token.
  void ServeAdmin(Scenario scenario = {}, const std::string& options = "") {
    absl::StrAppend(&scenario.top, "\nadmin: {",
                    options.empty()
                        ? absl::StrCat("grpc: \"127.0.0.1:0\", token_file: ", token_file_.path())
                        : options,
                    "}");
    Serve(scenario);
    Connect(grpc::InsecureChannelCredentials());
  }

  void Connect(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    channel_ = grpc::CreateChannel(proxy_->admin(), credentials);
    admin_ = v1::Admin::NewStub(channel_);
    health_ = health::Health::NewStub(channel_);
  }

  static void Prepare(grpc::ClientContext& context, const std::string& token = "") {
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  }

  using Admin = v1::Admin::StubInterface;
  template <typename Request, typename Reply>
  grpc::Status Call(grpc::Status (Admin::*method)(grpc::ClientContext*, const Request&, Reply*),
                    const Request& request, Reply* reply, const std::string& token = kToken) {
    grpc::ClientContext context;
    Prepare(context, token);
    return (admin_.get()->*method)(&context, request, reply);
  }

  // What must be answered.
  template <typename Request, typename Reply>
  Reply Get(grpc::Status (Admin::*method)(grpc::ClientContext*, const Request&, Reply*),
            const Request& request = {}) {
    Reply reply;
    const grpc::Status status = Call(method, request, &reply);
    EXPECT_TRUE(status.ok()) << status.error_code() << " " << status.error_message();
    return reply;
  }

  v1::Info Info() { return Get(&Admin::GetInfo); }
  v1::RouteStats Reads() { return Get(&Admin::GetStats).routes(0); }
  v1::Upstream Upstream() { return Get(&Admin::ListUpstreams).upstreams(0); }
  v1::PurgeResponse Purge(const v1::PurgeRequest& request) { return Get(&Admin::Purge, request); }

  health::HealthCheckResponse::ServingStatus Check(const std::string& service) {
    grpc::ClientContext context;
    Prepare(context);
    health::HealthCheckRequest request;
    request.set_service(service);
    health::HealthCheckResponse response;
    const grpc::Status status = health_->Check(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  }

  // Asks until it is so.
  template <typename Holds>
  void WaitUntil(const Holds& holds) {
    const Deadline deadline;
    while (!holds()) ASSERT_FALSE(deadline.passed()) << proxy_->err();
  }

  int64_t Refused(const std::string& reason) {
    return Metric("singleflight_admin_refused_total{door=\"grpc\",reason=\"" + reason + "\"}");
  }

  TemporaryFile token_file_{std::string(kToken) + "\n"};
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Admin::Stub> admin_;
  std::unique_ptr<health::Health::Stub> health_;
};

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_E2E_ADMIN_FIXTURE_H_
