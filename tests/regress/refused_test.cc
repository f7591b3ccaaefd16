// What is no acceptable gRPC call is refused in the way that its sender understands.

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
  Serve();
  RawClient client(proxy_->address());
  const RawSeen seen = client.Call(Call());
  if (GetParam().status.empty() && GetParam().grpc_status.empty()) {
    EXPECT_EQ(seen.reset, kProtocolError) << seen;
  } else {
    EXPECT_EQ(seen.Value(":status"), GetParam().status.empty() ? "200" : GetParam().status) << seen;
    EXPECT_EQ(seen.Value("grpc-status"), GetParam().grpc_status) << seen;
  }
  EXPECT_EQ(backend_.calls(), 0);
  EXPECT_EQ(client.Call(RawCall(kRead, "id-7")).Value("grpc-status"), "0");
}

INSTANTIATE_TEST_SUITE_P(
    , RefusedTest,
    ::testing::Values(Refused{"AnotherMethod", ":method", "GET", "405", ""},
                      Refused{"NotGrpc", "content-type", "application/json", "415", ""},
                      Refused{"AlmostGrpc", "content-type", "application/grpc-web", "415", ""},
                      Refused{"PathWithAQuery", ":path", "/test.Reads/Get?x=1", "", "12"},
                      Refused{"PathWithAFragment", ":path", "/test.Reads/Get#x", "", "12"},
                      Refused{"PathThatIsEscaped", ":path", "/test.Reads/%47et", "", "12"},
                      Refused{"PathWithDotSegments", ":path", "/../Get", "", "12"},
                      Refused{"PathOfThreeSegments", ":path", "/a/b/c", "", "12"},
                      Refused{"HostUnlikeAuthority", "host", "other.example", "", ""},
                      Refused{"Userinfo", ":authority", "me@proxy.example", "", ""},
                      Refused{"OddScheme", ":scheme", "gopher", "", ""},
                      Refused{"ConnectionHeader", "connection", "close", "", ""},
                      // PITFALLS 38
                      Refused{"NameWithASpace", "x bad", "1", "", ""},
                      Refused{"ValueWithALineBreak", "x-bad", "a\nb", "", ""},
                      // PITFALLS 28
                      Refused{"TimeoutOfNineDigits", "grpc-timeout", "123456789m", "", "13"},
                      Refused{"TimeoutWithoutUnit", "grpc-timeout", "100", "", "13"}),
    [](const auto& info) { return info.param.name; });

using Http1Test = ProxyTest;

TEST_F(Http1Test, IsToldToUpgrade) {
  Serve();
  const HttpReply reply = HttpGet(proxy_->address(), "/");
  EXPECT_EQ(reply.status, 426);
  EXPECT_THAT(reply.head, HasSubstr("h2c"));
}

}  // namespace
}  // namespace singleflight::testing
