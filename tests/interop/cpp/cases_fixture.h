// Servers, proxies and connections of the interoperability cases.

#ifndef SINGLEFLIGHT_TESTS_INTEROP_CPP_CASES_FIXTURE_H_
#define SINGLEFLIGHT_TESTS_INTEROP_CPP_CASES_FIXTURE_H_

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "grpc/testing/test.grpc.pb.h"
#include "tests/interop/cpp/test_service.h"
#include "tests/testing/certificates.h"
#include "tests/testing/proxy_process.h"

namespace singleflight::testing {

enum class Transport { kPlaintext, kTls };  // of both connections
enum class Route { kRelay, kCollapse, kCache };

// One of gRPC's interoperability cases, through the proxy, by one transport on one kind of route.
// After each, nothing of it may be left in the proxy.
class CasesTest : public ::testing::TestWithParam<std::tuple<Transport, Route>> {
 protected:
  using Stub = grpc::testing::TestService::Stub;
  class Context;

  static void TearDownTestSuite() { worlds().clear(); }
  void TearDown() override;

  // Each on a connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel() const;
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  Stub& stub() { return *stub_; }

  Route route() const { return std::get<Route>(GetParam()); }
  int ServerCalls() const { return world_.server.calls(); }

  // A call of UnaryCall that is OK and has a reply of 314159 bytes, all zero. Its status otherwise.
  grpc::Status LargeUnary(Stub& stub, Context& context,
                          const grpc::testing::SimpleRequest& request);

 private:
  // A server and a proxy before it, which the cases of one transport and route share.
  struct World {
    explicit World(std::tuple<Transport, Route> kind);
    std::string Yaml(Route route) const;

    Authority authority{"interop CA"};
    const CertificateFiles own = authority.Sign("interop.example");
    const bool tls;
    TestServer server;
    ProxyProcess proxy;
  };

  static std::map<std::tuple<Transport, Route>, std::unique_ptr<World>>& worlds();
  static World& WorldOf(std::tuple<Transport, Route> kind);

  World& world_ = WorldOf(GetParam());
  const std::shared_ptr<grpc::Channel> channel_ = NewChannel();
  const std::unique_ptr<Stub> stub_ = grpc::testing::TestService::NewStub(channel_);
};

// With a deadline, so that a call that hangs ends its test.
class CasesTest::Context : public grpc::ClientContext {
 public:
  explicit Context(std::chrono::milliseconds timeout = kPatience) {
    set_deadline(std::chrono::system_clock::now() + timeout);
  }
};

// The large requests of the cases: 271828 bytes, all zero, that ask for 314159.
grpc::testing::SimpleRequest LargeRequest();
std::string Zeros(size_t n);

}  // namespace singleflight::testing

#endif  // SINGLEFLIGHT_TESTS_INTEROP_CPP_CASES_FIXTURE_H_
