#include "server/app/probe.h"

#include <gtest/gtest.h>

#include <utility>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/admin/health_server.h"

namespace singleflight::app {
namespace {

// A health port, served on a thread of its own.
class ProbeTest : public ::testing::Test {
 protected:
  ProbeTest() {
    const auto nothing = [] { return std::string(); };
    absl::StatusOr<std::unique_ptr<admin::HealthServer>> opened = admin::HealthServer::Open(
        io_, {"127.0.0.1:0"}, {[] { return true; }, nothing, nothing, nothing});
    server_ = *std::move(opened);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ProbeTest() override {
    io_.stop();
    thread_.join();
  }

  absl::Status Ask(absl::string_view path) {
    return Probe(absl::StrCat("http://", server_->address(), path));
  }

 private:
  boost::asio::io_context io_;
  std::unique_ptr<admin::HealthServer> server_;
  std::thread thread_;
};

TEST_F(ProbeTest, APageThatSays200IsWell) { EXPECT_TRUE(Ask("/readyz").ok()); }

TEST_F(ProbeTest, AnotherStatusIsNotAndIsNamed) {
  const absl::Status status = Ask("/nothing");
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(absl::EndsWith(status.message(), "/nothing: answered 404")) << status;
}

TEST_F(ProbeTest, WhereNobodyListensItSaysSo) {
  const absl::Status status = Probe("http://127.0.0.1:1/readyz");
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_TRUE(absl::StrContains(status.message(), "refused")) << status;
}

TEST_F(ProbeTest, WhatIsNoUrlIsAMistakeThatShowsOne) {
  for (const char* url : {"", "127.0.0.1:9900", "https://127.0.0.1:9900/", "http://127.0.0.1/",
                          "http://127.0.0.1:9900", "http://:9900/", "http://a:1/b c"}) {
    const absl::Status status = Probe(url);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << url;
    EXPECT_TRUE(absl::StrContains(status.message(), "http://127.0.0.1:9900/readyz")) << url;
  }
}

}  // namespace
}  // namespace singleflight::app
