// What is no acceptable gRPC call is refused in the way that its sender understands.

#include <vector>

#include "tests/testing/http_get.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint32_t kProtocolError = 0x1;

struct Refused {
  std::string name;
  std::string field;        // of an ordinary call
  std::string value;        // what it is instead; a field that is new is added
  std::string status;       // :status, or
  std::string grpc_status;  // grpc-status, or RST_STREAM
  std::string reason;       // that it is counted by
};

void PrintTo(const Refused& refused, std::ostream* out) { *out << refused.name; }

class RefusedTest : public ProxyTest, public ::testing::WithParamInterface<Refused> {
 protected:
  static RawMessage Call() {
    RawMessage call = RawCall(kRead, "id-7");
    for (Field& field : call.head) {
      if (field.name != GetParam().field) continue;
      field.value = GetParam().value;
      return call;
    }
    call.head.push_back({GetParam().field, GetParam().value});
    return call;
  }
};

// PITFALLS 39
TEST_P(RefusedTest, IsAnsweredAndNeverSentOn) {
  Serve({.top = "log: {level: debug}"});
  RawClient client(proxy_->address());
  const RawSeen seen = client.Call(Call());
  if (GetParam().status.empty() && GetParam().grpc_status.empty()) {
    EXPECT_EQ(seen.reset, kProtocolError) << seen;
  } else {
    EXPECT_EQ(seen.Value(":status"), GetParam().status.empty() ? "200" : GetParam().status) << seen;
    EXPECT_EQ(seen.Value("grpc-status"), GetParam().grpc_status) << seen;
  }
  EXPECT_EQ(backend_.calls(), 0);
  proxy_->WaitForLog(HasSubstr("debug a request was refused: "));
  EXPECT_EQ(Metric("singleflight_requests_refused_total{reason=\"" + GetParam().reason + "\"}"), 1);
  EXPECT_EQ(Metric("singleflight_requests_refused_total"), 1);
  EXPECT_EQ(Metric("singleflight_stream_resets_total"), 0);
  EXPECT_EQ(client.Call(RawCall(kRead, "id-7")).Value("grpc-status"), "0");
}

INSTANTIATE_TEST_SUITE_P(
    , RefusedTest,
    ::testing::Values(
        Refused{"AnotherMethod", ":method", "GET", "405", "", "method"},
        Refused{"NotGrpc", "content-type", "application/json", "415", "", "content_type"},
        Refused{"AlmostGrpc", "content-type", "application/grpc-web", "415", "", "content_type"},
        Refused{"PathWithAQuery", ":path", "/test.Reads/Get?x=1", "", "12", "path"},
        Refused{"PathWithAFragment", ":path", "/test.Reads/Get#x", "", "12", "path"},
        Refused{"PathThatIsEscaped", ":path", "/test.Reads/%47et", "", "12", "path"},
        Refused{"PathWithDotSegments", ":path", "/../Get", "", "12", "path"},
        Refused{"PathWithAnEmptySegment", ":path", "/a//b", "", "12", "path"},
        Refused{"HostUnlikeAuthority", "host", "other.example", "", "", "host"},
        Refused{"ObsTextInTheAuthority", ":authority", "pr\xc3\xb6xy", "", "", "authority"},
        Refused{"OddScheme", ":scheme", "gopher", "", "", "scheme"},
        Refused{"ConnectionHeader", "connection", "close", "", "", "malformed"},
        // PITFALLS 38
        Refused{"NameWithASpace", "x bad", "1", "", "", "malformed"},
        Refused{"ValueWithALineBreak", "x-bad", "a\nb", "", "", "malformed"},
        // PITFALLS 28
        Refused{"TimeoutOfNineDigits", "grpc-timeout", "123456789m", "", "13", "timeout"},
        Refused{"BinaryThatIsNoBase64", "x-a-bin", "!!", "", "13", "binary"},
        Refused{"BinaryOfWhichAPartIsNoBase64", "x-a-bin", "YQ,Y", "", "13", "binary"},
        Refused{"TimeoutWithoutUnit", "grpc-timeout", "100", "", "13", "timeout"}),
    [](const auto& info) { return info.param.name; });

using TakenTest = ProxyTest;

// PITFALLS 53
TEST_F(TakenTest, WhateverAClientOnAUnixSocketCallsItsServer) {
  Serve({.upstream = "authority: preserve"});
  RawClient client(proxy_->address());
  for (const char* authority : {"/run/proxy.sock", "@abstract", "me@proxy", "", "Proxy.example"}) {
    RawMessage call = RawCall(kRead, "id-7");
    for (Field& field : call.head) {
      if (field.name == ":authority") field.value = authority;
    }
    const RawSeen seen = client.Call(call);
    EXPECT_EQ(seen.Value("grpc-status"), "0") << authority << seen;
  }
}

TEST_F(TakenTest, ACallerThatNamesNoServer) {
  Serve({.upstream = "authority: preserve"});
  RawMessage call = RawCall(kRead, "id-7");
  std::erase_if(call.head, [](const Field& field) { return field.name == ":authority"; });
  EXPECT_EQ(RawClient(proxy_->address()).Call(call).Value("grpc-status"), "0");
  EXPECT_EQ(backend_.call(0).authority, backend_.address());
}

TEST_F(TakenTest, APrefixIsPartOfTheMethodsName) {
  Serve();
  EXPECT_THAT(Ask("/api/v2/test.Writes/Put", "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.call(0).method, "/api/v2/test.Writes/Put");
}

using Http1Test = ProxyTest;

TEST_F(Http1Test, IsToldToUpgrade) {
  Serve();
  const HttpReply reply = HttpGet(proxy_->address(), "/");
  EXPECT_EQ(reply.status, 426);
  EXPECT_THAT(reply.head, HasSubstr("h2c"));
}

}  // namespace
}  // namespace singleflight::testing
