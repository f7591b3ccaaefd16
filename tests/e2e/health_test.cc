// What the health address serves.

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/http_get.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Not;

class HealthTest : public ProxyTest {
 protected:
  HttpReply Get(const std::string& target) { return HttpGet(proxy_->health(), target); }
};

TEST_F(HealthTest, ProbesAreAnswered) {
  Serve();
  EXPECT_EQ(Get("/livez").status, 200);
  EXPECT_EQ(Get("/readyz").status, 200);
}

TEST_F(HealthTest, ItIsReadOnly) {
  Serve();
  EXPECT_EQ(Get("/purge").status, 404);
  EXPECT_EQ(HttpRequest(proxy_->health(), "POST", "/livez").status, 405);
}

TEST_F(HealthTest, MetricsAreInThePrometheusTextFormat) {
  Serve();
  const HttpReply page = Get("/metrics");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.head, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(page.body, HasSubstr("# TYPE singleflight_calls_total counter\n"));
  EXPECT_THAT(page.body, HasSubstr("# HELP singleflight_waiters "));
}

TEST_F(HealthTest, EveryCallHasOneRoleAndRolesAddUp) {
  Serve({.collapse = "{max_request_bytes: 1KiB}"});
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(3);  // a leader, two followers
  PendingCall relayed = Start(kWrite, "id-7");
  PendingCall bypass = Start(kRead, std::string(2000, 'x'));
  {
    StreamCall departed = client().Open(kRead);
    proxy_->WaitForMetric("singleflight_streams", Eq(6));
  }
  proxy_->WaitForMetric("singleflight_calls_by_role_total{role=\"departed\"}", Eq(1));
  backend_.WaitForHeld(3);
  backend_.Release();
  WaitAll(herd);
  EXPECT_EQ(Metric("singleflight_calls_total"), 6);
  EXPECT_EQ(Calls("leader"), 1);
  EXPECT_EQ(Calls("follower"), 2);
  EXPECT_EQ(Calls("relay"), 1);
  EXPECT_EQ(Calls("bypass"), 1);
  EXPECT_EQ(Metric("singleflight_calls_saved_total"), 2);
  EXPECT_THAT(bypass.Wait(), HasCode(absl::StatusCode::kOk));
  EXPECT_THAT(relayed.Wait(), HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(Metric("singleflight_upstream_calls_total{code=\"OK\"}"), 3);
}

TEST_F(HealthTest, UpstreamCallsAreCountedByTheStatusThatCameBack) {
  Serve();
  backend_.AnswerWith(Failed(absl::StatusCode::kNotFound, "no"));
  Ask(kRead, "id-7");
  Ask(kWrite, "id-7");
  EXPECT_EQ(Metric("singleflight_upstream_calls_total{code=\"NOT_FOUND\"}"), 2);
}

// PITFALLS 55
TEST_F(HealthTest, IdleConnectionsKeepNoProbeOut) {
  Serve();
  std::vector<int> idle;
  for (int i = 0; i < 200; ++i) idle.push_back(ConnectTo(proxy_->health()));
  EXPECT_EQ(Get("/livez").status, 200);
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_GE(Metric("singleflight_health_connections_refused_total{reason=\"connections\"}"), 136);
  for (const int fd : idle) ::close(fd);
}

TEST_F(HealthTest, ClientsThatUseUpTheDescriptorsKeepNoProbeAndNoUpstreamOut) {
  proxy_ = std::make_unique<ProxyProcess>(absl::StrCat("threads: 1\n", Yaml({})),
                                          ProxyProcess::Redirections{"", "ulimit -n 100"});
  proxy_->WaitForLog(HasSubstr("limits.max_connections (16384)"));
  std::vector<int> clients;
  for (int i = 0; i < 150; ++i) clients.push_back(ConnectTo(proxy_->address()));
  proxy_->WaitForMetric("singleflight_connections_refused_total{reason=\"descriptors\"}", Ge(100));
  EXPECT_EQ(Get("/livez").status, 200);
  for (const int fd : clients) ::close(fd);
  proxy_->WaitForMetric("singleflight_connections", Eq(0));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
}

TEST_F(HealthTest, IdleConnectionsThatUseUpTheDescriptorsKeepNoProbeOut) {
  proxy_ = std::make_unique<ProxyProcess>(absl::StrCat("threads: 1\n", Yaml({})),
                                          ProxyProcess::Redirections{"", "ulimit -n 40"});
  std::vector<int> idle;
  for (int i = 0; i < 100; ++i) idle.push_back(ConnectTo(proxy_->health()));
  EXPECT_EQ(Get("/livez").status, 200);
  EXPECT_GE(Metric("singleflight_health_connections_refused_total{reason=\"descriptors\"}"), 1);
  for (const int fd : idle) ::close(fd);
}

// RFC 9112 §3.2.2
TEST_F(HealthTest, TargetsInAbsoluteFormAreUnderstood) {
  Serve();
  EXPECT_EQ(Get("http://" + proxy_->health() + "/livez").status, 200);
  EXPECT_EQ(Get("HTTP://health.example/readyz?verbose").status, 200);
  EXPECT_EQ(Get("http://health.example").status, 404);
}

TEST_F(HealthTest, WhatIsNoRequestIsToldSo) {
  Serve({.top = "log: {level: debug}"});
  EXPECT_THAT(SendRaw(proxy_->health(), "no request\r\n\r\n"), HasSubstr("HTTP/1.1 400 "));
  proxy_->WaitForLog(HasSubstr("the health port was refused: malformed (127.0.0.1:"));
  EXPECT_EQ(Metric("singleflight_health_connections_refused_total{reason=\"malformed\"}"), 1);
}

TEST_F(HealthTest, CallsThatNoRouteMatchesAreUnimplemented) {
  proxy_ = std::make_unique<ProxyProcess>(
      "listeners: [{address: \"127.0.0.1:0\"}]\nupstreams: [{name: backend, target: \"" +
      backend_.address() +
      "\"}]\nroutes: [{match: {method: /test.Reads/Get}, upstream: backend}]\n" +
      "health: {address: \"127.0.0.1:0\"}\n");
  EXPECT_THAT(Ask("/test.Other/Get", ""),
              FailedWith(absl::StatusCode::kUnimplemented, HasSubstr("/test.Other/Get")));
  EXPECT_EQ(Metric("singleflight_requests_unrouted_total"), 1);
}

// PITFALLS 30
TEST_F(HealthTest, NamesThatClientsInventDoNotBecomeLabels) {
  Serve();
  Ask(kRead, "id-7");
  const auto lines = [this] {
    const std::string page = Get("/metrics").body;
    return std::count(page.begin(), page.end(), '\n');
  };
  const auto before = lines();
  for (int i = 0; i < 50; ++i) Ask("/test.Reads/Invented" + std::to_string(i), "id-7");
  EXPECT_EQ(lines(), before);
  EXPECT_THAT(Get("/metrics").body, Not(HasSubstr("Invented")));
}

}  // namespace
}  // namespace singleflight::testing
