// config/authorization.yaml, with checks of the shape that Envoy, SpiceDB and OpenFGA give them.

#include <fstream>
#include <sstream>

#include "absl/strings/str_replace.h"
#include "authzed/api/v1/permission_service.pb.h"
#include "envoy/service/auth/v3/external_auth.pb.h"
#include "openfga/v1/openfga_service.pb.h"
#include "tests/e2e/admin_fixture.h"

namespace singleflight::testing {
namespace {

namespace ext_authz = envoy::service::auth::v3;
namespace spicedb = authzed::api::v1;
namespace openfga = ::openfga::v1;

using ::testing::Each;

constexpr char kEnvoy[] = "/envoy.service.auth.v3.Authorization/Check";
constexpr char kSpiceDb[] = "/authzed.api.v1.PermissionsService/CheckPermission";
constexpr char kOpenFga[] = "/openfga.v1.OpenFGAService/Check";
constexpr char kChange[] = "/authzed.api.v1.PermissionsService/WriteRelationships";

// What Envoy asks for one request; no two have the same id, time and port.
ext_authz::CheckRequest CheckOf(int request) {
  ext_authz::CheckRequest check;
  auto& attributes = *check.mutable_attributes();
  auto& source = *attributes.mutable_source()->mutable_address()->mutable_socket_address();
  source.set_address("10.0.0.7");
  source.set_port_value(20'000 + static_cast<uint32_t>(request));
  attributes.mutable_source()->set_principal("spiffe://shop/cart");
  auto& destination = *attributes.mutable_destination()->mutable_address();
  destination.mutable_socket_address()->set_port_value(8443);
  attributes.mutable_request()->mutable_time()->set_seconds(1'700'000'000 + request / 100);
  attributes.mutable_request()->mutable_time()->set_nanos(request * 7);
  auto& http = *attributes.mutable_request()->mutable_http();
  http.set_id(absl::StrCat("request-", request));
  http.set_method("GET");
  http.set_path("/cart");
  auto& header = *http.mutable_header_map()->add_headers();
  header.set_key("authorization");
  header.set_raw_value("Bearer ann");
  return check;
}

std::string Allowed() {
  ext_authz::CheckResponse response;
  response.mutable_status()->set_code(0);
  response.mutable_ok_response()->add_headers_to_remove("authorization");
  return response.SerializeAsString();
}
std::string Denied() {
  ext_authz::CheckResponse response;
  response.mutable_status()->set_code(7);
  response.mutable_denied_response()->set_body("not yours");
  return response.SerializeAsString();
}

class AuthorizationTest : public AdminTest {
 protected:
  static std::string Shipped() {
    std::ifstream file(std::string(SINGLEFLIGHT_CONFIG) + "/authorization.yaml");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  // As it is shipped; or so that nothing ends while a test looks at it.
  void ServeShipped(bool for_long = true) {
    const std::string text = for_long ? absl::StrReplaceAll(Shipped(), {{"ttl: 1s", "ttl: 1h"},
                                                                        {"flight_timeout: 2s",
                                                                         "flight_timeout: 1m, "
                                                                         "max_join_age: 1m"}})
                                      : Shipped();
    file_.Replace(text);
    proxy_ = std::make_unique<ProxyProcess>(
        file_.path(),
        std::vector<std::string>{"LISTEN=127.0.0.1:0", "HEALTH=127.0.0.1:0", "ADMIN=127.0.0.1:0",
                                 "TOKEN_FILE=" + token_file_.path(),
                                 "AUTHORIZATION=" + backend_.address()});
    Connect(grpc::InsecureChannelCredentials());
  }

  Answer Check(const ext_authz::CheckRequest& check, const Metadata& metadata = {}) {
    return Ask(kEnvoy, check.SerializeAsString(), {.metadata = metadata});
  }

  TemporaryFile file_{""};
};

TEST_F(AuthorizationTest, TenThousandChecksWithIdsOfTheirOwnAreOneCall) {
  ServeShipped();
  backend_.AnswerWith(Ok(Allowed()));
  backend_.Hold();
  std::vector<Client> clients;
  std::vector<PendingCall> calls;
  for (int i = 0; i < 100; ++i) clients.push_back(NewClient());
  for (int i = 0; i < 10'000; ++i) {
    calls.push_back(
        clients[static_cast<size_t>(i % 100)].Start(kEnvoy, CheckOf(i).SerializeAsString()));
  }
  WaitForWaiters(10'000);
  backend_.Release();
  EXPECT_THAT(WaitAll(calls), Each(IsOkWith(Allowed())));
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(Metric("singleflight_calls_saved_total"), 9'999);
}

TEST_F(AuthorizationTest, AllowAndDenyAreKept) {
  ServeShipped();
  for (const std::string& decision : {Allowed(), Denied()}) {
    backend_.AnswerWith(Ok(decision));
    ext_authz::CheckRequest check = CheckOf(1), again = CheckOf(2);
    for (auto* request : {&check, &again}) {
      request->mutable_attributes()->mutable_request()->mutable_http()->set_path(decision);
    }
    EXPECT_THAT(Check(check), IsOkWith(decision));
    EXPECT_THAT(Check(again), IsOkWith(decision));
  }
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_EQ(Calls("hit"), 2);
}

TEST_F(AuthorizationTest, ItIsForASecond) {
  ServeShipped(false);
  const v1::ListRoutesResponse list = Get(&Admin::ListRoutes);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(list.routes(i).ttl().seconds(), 1);
    EXPECT_EQ(list.routes(i).flight_timeout().seconds(), 2);
  }
  EXPECT_FALSE(list.routes(3).has_ttl());
}

TEST_F(AuthorizationTest, WhatDecidesKeepsCallsApart) {
  ServeShipped();
  backend_.AnswerWith(Ok(Allowed()));
  std::vector<ext_authz::CheckRequest> checks(6, CheckOf(1));
  auto http = [&checks](size_t i) {
    return checks[i].mutable_attributes()->mutable_request()->mutable_http();
  };
  auto* const source = checks[5].mutable_attributes()->mutable_source();
  http(1)->set_path("/orders");
  http(2)->set_method("POST");
  http(3)->mutable_header_map()->mutable_headers(0)->set_raw_value("Bearer bob");
  checks[4].mutable_attributes()->mutable_source()->set_principal("spiffe://shop/orders");
  source->mutable_address()->mutable_socket_address()->set_address("10.0.0.8");
  for (const ext_authz::CheckRequest& check : checks) Check(check);
  EXPECT_EQ(backend_.calls(), 6);
}

TEST_F(AuthorizationTest, WhichGatewayAsksDoesNotCountItsCredentialsDo) {
  ServeShipped();
  backend_.AnswerWith(Ok(Allowed()));
  Check(CheckOf(1), {{"x-forwarded-for", "10.0.0.1"}, {"x-envoy-internal", "true"}});
  Check(CheckOf(2), {{"x-forwarded-for", "10.0.0.2"}, {"x-request-id", "2"}});
  EXPECT_EQ(backend_.calls(), 1);
  Check(CheckOf(3), {{"authorization", "Bearer gateway-2"}});
  EXPECT_EQ(backend_.calls(), 2);
}

TEST_F(AuthorizationTest, ACallThatFailsWithPermissionDeniedIsNotKept) {
  ServeShipped();
  for (const auto code :
       {absl::StatusCode::kPermissionDenied, absl::StatusCode::kUnauthenticated}) {
    backend_.AnswerWith(Failed(code, "who is this gateway?"));
    EXPECT_THAT(Check(CheckOf(1)), HasCode(code));
  }
  backend_.AnswerWith(Ok(Allowed()));
  EXPECT_THAT(Check(CheckOf(1)), IsOkWith(Allowed()));
}

TEST_F(AuthorizationTest, APurgeByMethodEndsWhatIsKept) {
  ServeShipped();
  backend_.AnswerWith(Ok(Allowed()));
  Check(CheckOf(1));
  backend_.AnswerWith(Ok(Denied()));
  EXPECT_THAT(Check(CheckOf(2)), IsOkWith(Allowed()));
  v1::PurgeRequest purge;
  purge.set_method(kEnvoy);
  EXPECT_EQ(Purge(purge).dropped(), 1);
  EXPECT_THAT(Check(CheckOf(3)), IsOkWith(Denied()));
}

TEST_F(AuthorizationTest, AServiceThatNamesItsPolicyEndsItsDecisionsWhenThatChanges) {
  ServeShipped();
  std::string decision = Allowed();  // guarded by the backend's lock: only its answers use it
  backend_.AnswerWith([&decision](const SeenCall& call) {
    if (call.method == kChange) decision = Denied();
    Answer answer = Ok(call.method == kChange ? "" : decision);
    answer.initial = {
        {call.method == kChange ? "cache-group-invalidation" : "cache-groups", "\"policy\""}};
    return answer;
  });
  EXPECT_THAT(Check(CheckOf(1)), IsOkWith(Allowed()));
  EXPECT_THAT(Check(CheckOf(2)), IsOkWith(Allowed()));
  EXPECT_EQ(backend_.calls(), 1);
  Ask(kChange, "");
  EXPECT_THAT(Check(CheckOf(3)), IsOkWith(Denied()));
}

TEST_F(AuthorizationTest, SpiceDbsDecisionsAreKeptByTheirToken) {
  ServeShipped();
  spicedb::CheckPermissionResponse response;
  response.set_permissionship(spicedb::CheckPermissionResponse::PERMISSIONSHIP_NO_PERMISSION);
  backend_.AnswerWith(Ok(response.SerializeAsString()));
  spicedb::CheckPermissionRequest check;
  check.mutable_resource()->set_object_id("cart-7");
  check.set_permission("view");
  check.mutable_subject()->mutable_object()->set_object_id("ann");
  const auto ask = [&] {
    return Ask(kSpiceDb, check.SerializeAsString(), {.metadata = {{"authorization", "Bearer k"}}});
  };
  EXPECT_THAT(ask(), IsOkWith(response.SerializeAsString()));
  EXPECT_THAT(ask(), IsOkWith(response.SerializeAsString()));
  EXPECT_EQ(backend_.calls(), 1);
  check.mutable_consistency()->mutable_at_least_as_fresh()->set_token("of a write");
  ask();
  EXPECT_EQ(backend_.calls(), 2);
}

TEST_F(AuthorizationTest, OpenFgasDecisionsAreKept) {
  ServeShipped();
  openfga::CheckResponse response;
  response.set_allowed(true);
  backend_.AnswerWith(Ok(response.SerializeAsString()));
  openfga::CheckRequest check;
  check.set_store_id("01YCP46JKYM8FJCQ37NMBYHE5X");
  check.mutable_tuple_key()->set_user("user:ann");
  check.mutable_tuple_key()->set_relation("reader");
  check.mutable_tuple_key()->set_object("document:7");
  Ask(kOpenFga, check.SerializeAsString());
  EXPECT_THAT(Ask(kOpenFga, check.SerializeAsString()), IsOkWith(response.SerializeAsString()));
  EXPECT_EQ(backend_.calls(), 1);
  check.mutable_tuple_key()->set_user("user:bob");
  Ask(kOpenFga, check.SerializeAsString());
  EXPECT_EQ(backend_.calls(), 2);
}

}  // namespace
}  // namespace singleflight::testing
