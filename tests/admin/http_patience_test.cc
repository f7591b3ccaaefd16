// A client that stops in the middle of something is left, while others are served.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <thread>

#include "server/admin/admin_certificates.h"
#include "server/admin/http_server.h"
#include "tests/admin/slow_client.h"
#include "tests/testing/certificates.h"
#include "tests/testing/child_process.h"
#include "tests/testing/https_get.h"

namespace singleflight::admin {
namespace {

using ::singleflight::testing::SendRawByTls;
using ::testing::HasSubstr;
using testing::SlowClient;

class HttpPatienceTest : public ::testing::Test {
 protected:
  HttpPatienceTest() {
    const singleflight::testing::CertificateFiles own = authority_.Sign("127.0.0.1");
    const tls::ServerOptions files = {own.certificate, own.private_key, ""};
    HttpServer::Options options = {"127.0.0.1:0", "admin.http", "admin address"};
    options.tls = *AdminCertificates::Read(files, rights_);
    options.patience = std::chrono::milliseconds(500);
    server_ = *HttpServer::Open(io_, options, [](const std::shared_ptr<HttpExchange>& exchange) {
      exchange->Reply({200, "here"});
    });
    thread_ = std::thread([this] { io_.run(); });
  }
  ~HttpPatienceTest() override {
    io_.stop();
    thread_.join();
  }

  void WaitForTimeouts(uint64_t n) {
    const singleflight::testing::Deadline deadline;
    while (server_->refused().of(HttpRefusal::kTimeout) < n) ASSERT_FALSE(deadline.passed());
  }

  singleflight::testing::Authority authority_{"operators"};
  Rights rights_{""};
  boost::asio::io_context io_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

TEST_F(HttpPatienceTest, WhoStopsInTheHandshakeIsLeftAndOthersAreServed) {
  SlowClient silent(server_->address());
  SlowClient half(server_->address(), SlowClient::HalfHello());
  EXPECT_THAT(SendRawByTls(server_->address(), "GET / HTTP/1.1\r\nHost: test\r\n\r\n"),
              HasSubstr("HTTP/1.1 200 OK"));
  EXPECT_TRUE(silent.IsEnded());
  EXPECT_TRUE(half.IsEnded());
  WaitForTimeouts(2);
}

}  // namespace
}  // namespace singleflight::admin
