#include "tests/testing/proxy_fixture.h"

#include <csignal>

#include "absl/strings/str_cat.h"

namespace singleflight::testing {

using ::testing::Eq;
using ::testing::Ge;

std::string ProxyTest::Yaml(const Scenario& scenario) const {
  const std::string target =
      scenario.target.empty() ? "target: \"" + backend_.address() + "\"" : scenario.target;
  return absl::StrCat(
      "listeners: ", scenario.listeners, "\n", "upstreams:\n  - name: backend\n    ", target,
      "\n    ", scenario.upstream, "\n", "routes:\n", scenario.routes,
      "  - match: {method: /test.Reads/*}\n    upstream: backend\n",
      "    collapse: ", scenario.collapse, "\n",
      scenario.cache.empty() ? "" : "    cache: " + scenario.cache + "\n",
      scenario.key == "{}" ? "" : "    key: " + scenario.key + "\n",
      scenario.route.empty() ? "" : "    " + scenario.route + "\n",
      "  - match: {method: /*}\n    upstream: backend\n", "    collapse: ", scenario.other_collapse,
      "\n", scenario.other_cache.empty() ? "" : "    cache: " + scenario.other_cache + "\n",
      scenario.invalidates.empty() ? "" : "    invalidates: " + scenario.invalidates + "\n",
      "health: {address: \"127.0.0.1:0\"}\n", scenario.top, "\n");
}

void ProxyTest::Serve(const Scenario& scenario) {
  proxy_ = std::make_unique<ProxyProcess>(Yaml(scenario));
}

void ProxyTest::Reload(const Scenario& scenario) {
  const char kApplied[] = "singleflight_config_reloads_total{result=\"applied\"}";
  const int64_t before = Metric(kApplied);
  proxy_->Rewrite(Yaml(scenario));
  proxy_->Signal(SIGHUP);
  proxy_->WaitForMetric(kApplied, Eq(before + 1));
}

Client& ProxyTest::client() {
  if (client_ == nullptr) client_ = std::make_unique<Client>(proxy_->address());
  return *client_;
}

std::vector<PendingCall> ProxyTest::StartHerd(int callers, const std::string& message) {
  const int64_t aboard = Metric("singleflight_waiters");
  std::vector<PendingCall> calls;
  for (int i = 0; i < callers; ++i) calls.push_back(Start(kRead, message));
  proxy_->WaitForMetric("singleflight_waiters", Eq(aboard + callers));
  return calls;
}

// Every call has one role, and once it has ended one code, and a duration if it had an answer to
// wait for.
void ProxyTest::CheckCounts(const std::string& route) {
  const auto of = [&](const std::string& name, const std::string& more = "") {
    return Metric("singleflight_" + name + "{route=\"" + route + "\"" + more + "}");
  };
  const auto with = [&](const std::string& role) {
    return of("calls_by_role_total", ",role=\"" + role + "\"");
  };
  EXPECT_EQ(of("calls_total"), of("calls_by_role_total")) << route;
  EXPECT_EQ(of("calls_total"), of("replies_total")) << route;
  EXPECT_EQ(of("calls_total"),
            of("call_duration_seconds_count") + with("departed") + with("refused"))
      << route;
}

void ProxyTest::CheckNothingIsLeft() {
  for (const char* level :
       {"singleflight_streams", "singleflight_calls_in_progress", "singleflight_waiters",
        "singleflight_flights", "singleflight_held_bytes", "singleflight_buffered_bytes",
        "singleflight_release_queue", "singleflight_release_active",
        "singleflight_upstream_calls_active", "singleflight_upstream_calls_pending"}) {
    proxy_->WaitForMetric(level, Eq(0));
  }
  for (const char* route : {"/test.Reads/*", "/*"}) CheckCounts(route);
  EXPECT_EQ(Metric("singleflight_upstream_calls_begun_total"),
            Metric("singleflight_upstream_calls_total") +
                Metric("singleflight_upstream_unanswered_total"));
  EXPECT_EQ(Metric("singleflight_upstream_calls_begun_total"),
            Metric("singleflight_upstream_call_duration_seconds_count"));
  EXPECT_EQ(Metric("singleflight_cache_stores_total"),
            Metric("singleflight_cache_entries") + Metric("singleflight_cache_evictions_total"));
  EXPECT_LE(Metric("singleflight_cache_bytes"), Metric("singleflight_cache_max_bytes"));
}

// What is left to do when the test has failed midway is to let go of everything.
void ProxyTest::TearDown() {
  backend_.Release();
  if (proxy_ == nullptr || proxy_->ended()) return;
  CheckNothingIsLeft();
  client_.reset();
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
  if (HasFailure()) ADD_FAILURE() << "the proxy said:\n" << proxy_->err();
}

}  // namespace singleflight::testing
