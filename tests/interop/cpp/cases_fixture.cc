// Servers, proxies and connections of the interoperability cases.

#include "tests/interop/cpp/cases_fixture.h"

#include <csignal>

#include "absl/strings/str_cat.h"

namespace singleflight::testing {

using ::testing::Eq;

std::string Zeros(size_t n) { return std::string(n, '\0'); }

grpc::testing::SimpleRequest LargeRequest() {
  grpc::testing::SimpleRequest request;
  request.set_response_size(314159);
  request.mutable_payload()->set_body(Zeros(271828));
  return request;
}

CasesTest::World::World(std::tuple<Transport, Route> kind)
    : tls(std::get<Transport>(kind) == Transport::kTls),
      server(tls ? absl::optional<PeerTls>(PeerTls{"", own.certificate, own.private_key})
                 : absl::nullopt),
      proxy(Yaml(std::get<Route>(kind))) {}

std::string CasesTest::World::Yaml(Route route) const {
  const char* const sharing[] = {"", "collapse: true", "collapse: true\n    cache: {ttl: 1h}"};
  const std::string listener_tls = absl::StrCat(", tls: {certificate: ", own.certificate,
                                                ", private_key: ", own.private_key, "}");
  const std::string upstream_tls =
      absl::StrCat("\n    tls: {ca: ", authority.ca(), ", server_name: interop.example}");
  return absl::StrCat(
      "listeners: [{address: \"127.0.0.1:0\"", tls ? listener_tls : "", "}]\n",
      "upstreams:\n  - name: backend\n    target: ", server.address(), tls ? upstream_tls : "",
      "\n", "routes:\n  - match: {method: /*}\n    upstream: backend\n    ",
      sharing[static_cast<size_t>(route)], "\n", "health: {address: \"127.0.0.1:0\"}\n");
}

std::map<std::tuple<Transport, Route>, std::unique_ptr<CasesTest::World>>& CasesTest::worlds() {
  static auto& worlds = *new std::map<std::tuple<Transport, Route>, std::unique_ptr<World>>;
  return worlds;
}

CasesTest::World& CasesTest::WorldOf(std::tuple<Transport, Route> kind) {
  std::unique_ptr<World>& world = worlds()[kind];
  if (world == nullptr) world = std::make_unique<World>(kind);
  return *world;
}

void CasesTest::TearDown() {
  for (const char* level : {"streams", "waiters", "flights", "held_bytes", "buffered_bytes",
                            "upstream_calls_active", "upstream_calls_pending"}) {
    world_.proxy.WaitForMetric(absl::StrCat("singleflight_", level), Eq(0));
  }
  if (HasFailure()) ADD_FAILURE() << "the proxy said:\n" << world_.proxy.err();
}

std::shared_ptr<grpc::Channel> CasesTest::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (world_.tls) {
    arguments.SetSslTargetNameOverride("interop.example");
    credentials = grpc::SslCredentials({ReadAll(world_.authority.ca()), "", ""});
  }
  return grpc::CreateCustomChannel(world_.proxy.address(), credentials, arguments);
}

grpc::Status CasesTest::LargeUnary(Stub& stub, Context& context,
                                   const grpc::testing::SimpleRequest& request) {
  grpc::testing::SimpleResponse reply;
  const grpc::Status status = stub.UnaryCall(&context, request, &reply);
  if (status.ok()) {
    EXPECT_TRUE(reply.payload().body() == Zeros(314159)) << reply.payload().body().size();
  }
  return status;
}

}  // namespace singleflight::testing
