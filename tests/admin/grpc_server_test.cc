// Connections of the admin address for gRPC, on real sockets.

#include "server/admin/grpc_server.h"

#include <gmock/gmock.h>
#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>

#include "singleflight/admin/v1/admin.grpc.pb.h"
#include "tests/admin/fake_steering.h"
#include "tests/admin/slow_client.h"
#include "tests/testing/certificates.h"
#include "tests/testing/child_process.h"

namespace singleflight::admin {
namespace {

using testing::SlowClient;

class GrpcServerTest : public ::testing::Test {
 protected:
  void Serve(const absl::optional<tls::ServerOptions>& tls = absl::nullopt) {
    AdminOptions options;
    options.grpc = "127.0.0.1:0";
    options.tls = tls;
    server_ = *GrpcServer::Open(options, steering_, rights_, std::chrono::milliseconds(500));
  }

  void ServeByTls() {
    const singleflight::testing::CertificateFiles own = authority_.Sign("127.0.0.1");
    Serve(tls::ServerOptions{own.certificate, own.private_key, ""});
  }

  bool Serves(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    const auto stub = v1::Admin::NewStub(grpc::CreateChannel(server_->address(), credentials));
    grpc::ClientContext context;
    context.set_deadline(
        gpr_time_from_seconds(singleflight::testing::kPatience.count(), GPR_TIMESPAN));
    v1::Info info;
    return stub->GetInfo(&context, {}, &info).ok();
  }

  bool ServesByTls() {
    return Serves(grpc::SslCredentials({singleflight::testing::ReadAll(authority_.ca()), "", ""}));
  }

  singleflight::testing::Authority authority_{"operators"};
  testing::FakeSteering steering_;
  Rights rights_{""};
  std::unique_ptr<GrpcServer> server_;
};

TEST_F(GrpcServerTest, WhoStopsInTheHandshakeIsLeftAndOthersAreServed) {
  ServeByTls();
  SlowClient silent(server_->address());
  SlowClient half(server_->address(), SlowClient::HalfHello());
  EXPECT_TRUE(ServesByTls());
  EXPECT_TRUE(silent.IsEnded());
  EXPECT_TRUE(half.IsEnded());
}

TEST_F(GrpcServerTest, WhoSendsNoFirstFrameIsLeftAndOthersAreServed) {
  Serve();
  SlowClient silent(server_->address());
  SlowClient half(server_->address(), "PRI * HTTP/2.0\r\n");
  EXPECT_TRUE(Serves(grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(silent.IsEnded());
  EXPECT_TRUE(half.IsEnded());
}

}  // namespace
}  // namespace singleflight::admin
