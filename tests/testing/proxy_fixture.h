#ifndef SINGLEFLIGHT_TESTS_TESTING_PROXY_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_TESTING_PROXY_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/testing/backend.h"
#include "tests/testing/client.h"
#include "tests/testing/proxy_process.h"

namespace singleflight::testing {

// What differs from test to test in a configuration; each is YAML.
struct Scenario {
  std::string collapse = "{flight_timeout: 1m, max_join_age: 1m}";  // of the route /test.Reads/*
  std::string cache = "";                                           // likewise: "{ttl: 1h}"
  std::string key = "{}";                                           // likewise
  std::string route = "";                // likewise, further options: "verify: 1%"
  std::string other_collapse = "false";  // of the route /*
  std::string other_cache = "";          // likewise
  std::string upstream = "";             // further options: "max_flights: 1"
  std::string target = "";               // instead of the backend's address
  std::string listeners = "[{address: \"127.0.0.1:0\"}]";
  std::string top = "";          // further lines: "threads: 2"
  std::string invalidates = "";  // of the route /*: "[\"item:{1}\"]"
  std::string routes = "";  // above these two, whole: "  - match: …\n    upstream: backend\n"
};

// A call on the route that collapses, and one on the route that does not.
inline constexpr char kRead[] = "/test.Reads/Get";
inline constexpr char kWrite[] = "/test.Writes/Put";

// A backend, the real proxy before it, and clients. What must hold after every test is checked: no
// flight, no waiter, no stream and no held byte is left, the counts of calls and those of the cache
// agree, and the proxy drains and ends with status 0.
class ProxyTest : public ::testing::Test {
 protected:
  // Starts the proxy. `backend_` is what its upstream named "backend" is, unless the scenario says
  // otherwise.
  void Serve(const Scenario& scenario = {});
  std::string Yaml(const Scenario& scenario) const;

  // Has the proxy take another configuration, whole.
  void Reload(const Scenario& scenario);

  // Another client; the test's own until it lets go of it.
  Client NewClient() const { return Client(proxy_->address()); }

  // On the client that every test has.
  PendingCall Start(const std::string& method, const std::string& message,
                    const CallOptions& options = {}) {
    return client().Start(method, message, options);
  }
  Answer Ask(const std::string& method, const std::string& message,
             const CallOptions& options = {}) {
    return client().Ask(method, message, options);
  }
  Client& client();

  // A herd on the route that collapses, all of it aboard when this returns. Hold the backend first.
  std::vector<PendingCall> StartHerd(int callers, const std::string& message = "id-7");
  void WaitForWaiters(int n) { proxy_->WaitForMetric("singleflight_waiters", ::testing::Eq(n)); }
  int64_t Metric(const std::string& selector) { return proxy_->Metric(selector); }
  int64_t Calls(const std::string& role) {
    return Metric("singleflight_calls_by_role_total{role=\"" + role + "\"}");
  }

  void TearDown() override;

  Backend backend_;
  std::unique_ptr<ProxyProcess> proxy_;

 private:
  void CheckNothingIsLeft();
  void CheckCounts(const std::string& route);

  std::unique_ptr<Client> client_;
};

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_TESTING_PROXY_FIXTURE_H_
