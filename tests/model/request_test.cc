// PITFALLS 39: what nghttp2 lets through and is ours to refuse. docs/semantics.md §6.

#include "server/model/request.h"

#include "tests/model/blocks.h"

namespace singleflight::model {
namespace {

using Answer = Refusal::Answer;

// What becomes of a request with these fields: "accepted", "reset", an HTTP status, or a gRPC
// status.
std::string Judged(const Headers& block) {
  const absl::variant<Request, Refusal> judged = ParseRequest(block);
  const auto* refusal = absl::get_if<Refusal>(&judged);
  if (refusal == nullptr) return "accepted";
  switch (refusal->answer) {
    case Answer::kReset:
      return "reset";
    case Answer::kHttp:
      return std::to_string(refusal->http_status);
    case Answer::kStatus:
      return std::string(wire::NameOf(refusal->status));
  }
  return "";
}
std::string Judged(const Fields& fields) { return Judged(RequestBlock(fields)); }

TEST(RequestTest, AGrpcCallIsTakenApart) {
  const Request request = RequestOf({{"grpc-timeout", "250m"}, {"x-page", "2"}});
  EXPECT_EQ(request.path(), "/shop.Catalog/Get");
  EXPECT_EQ(request.authority(), "shop.example:8080");
  EXPECT_EQ(request.content_suffix(), "");
  EXPECT_EQ(request.timeout(), absl::Milliseconds(250));
  EXPECT_EQ(FieldsOf(request.fields()).size(), 8);
}

TEST(RequestTest, ACallWithoutATimeoutHasNone) { EXPECT_EQ(RequestOf().timeout(), absl::nullopt); }

TEST(RequestTest, MethodsOtherThanPostAre405) {
  for (const char* method : {"GET", "PUT", "post", "CONNECT", "OPTIONS", ""}) {
    EXPECT_EQ(Judged({{":method", method}}), "405") << method;
  }
}

TEST(RequestTest, ContentTypesOtherThanGrpcAre415) {
  for (const char* type :
       {"application/grpcx", "application/grpc-web", "application/grpc-web+proto",
        "application/grpc proto", "application/grp", "application/json", "text/html",
        " application/grpc", ""}) {
    EXPECT_EQ(Judged({{"content-type", type}}), "415") << type;
  }
}

TEST(RequestTest, GrpcMayBeFollowedByAFormatOrParameters) {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc+json",
                           "application/grpc;charset=utf-8", "Application/GRPC"}) {
    EXPECT_EQ(Judged({{"content-type", type}}), "accepted") << type;
  }
  EXPECT_EQ(RequestOf({{"content-type", "application/grpc+json"}}).content_suffix(), "+json");
}

TEST(RequestTest, TwoContentTypesAre415) {
  Headers block = RequestBlock();
  block.Add("content-type", "application/grpc+json");
  EXPECT_EQ(Judged(block), "415");
}

// PITFALLS 39
TEST(RequestTest, PathsThatNameNoMethodAreUnimplemented) {
  for (const char* path : {"",
                           "/",
                           "//",
                           "*",
                           "a/b",
                           "/a",
                           "/a/",
                           "//b",
                           "/a/b/",
                           "/a//c",
                           "/./b",
                           "/../b",
                           "/a/.",
                           "/a/..",
                           "/a/b?c",
                           "/a?b/c",
                           "/a/b#c",
                           "/a/%62",
                           "/a/../b/c",
                           "/a/b/.",
                           "//a/b",
                           "/a/b/c/",
                           "/a/b/c%64",
                           "/%61/b",
                           "/a/b c",
                           "/a/b\t",
                           "/a/b\x7f",
                           "/a/\xc3\xa4",
                           "http://shop.example/a/b"}) {
    EXPECT_EQ(Judged({{":path", path}}), "UNIMPLEMENTED") << path;
  }
}

TEST(RequestTest, DotsWithinAPathSegmentAreOrdinary) {
  for (const char* path :
       {"/a.b.C/D", "/.a/b", "/a./b.", "/.../...", "/a/b;c=d", "/a/b:c", "/~/!$&'()*+,="}) {
    EXPECT_EQ(Judged({{":path", path}}), "accepted") << path;
  }
}

TEST(RequestTest, APrefixIsPartOfTheMethodsName) {
  for (const char* path : {"/api/shop.Catalog/Get", "/a/b/c/d/e", "/~/v1/shop.Catalog/Get"}) {
    ASSERT_EQ(Judged({{":path", path}}), "accepted") << path;
    EXPECT_EQ(RequestOf({{":path", path}}).path(), path);
  }
}

// PITFALLS 39
TEST(RequestTest, OddBytesInTheAuthorityAreMalformed) {
  for (const char* authority : {"shop\t", "sh\xc3\xb6p.example", "\x80", "shop\x7f", "\x1f"}) {
    EXPECT_EQ(Judged({{":authority", authority}}), "reset") << authority;
  }
  EXPECT_EQ(Judged({{":authority", ""}, {"host", "sh\xc3\xb6p.example"}}), "reset");
}

// PITFALLS 53
TEST(RequestTest, AuthoritiesOfClientsOnUnixSocketsAreTakenAsTheyAre) {
  for (const char* authority :
       {"/run/catalog.sock", "@abstract", "ann@shop.example", "@", "my catalog", "%2Frun%2Fa"}) {
    EXPECT_EQ(RequestOf({{":authority", authority}}).authority(), authority);
  }
}

// PITFALLS 53
TEST(RequestTest, OddBytesAreSeenWhereverTheyAreInTheAuthority) {
  for (size_t at = 0; at < 19; ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string authority(19, 'a');
      authority[at] = static_cast<char>(c);
      EXPECT_EQ(Judged({{":authority", authority}}) == "reset", c < 0x20 || c >= 0x7f) << c;
    }
  }
}

TEST(RequestTest, ACallerMayNameNoAuthority) {
  EXPECT_EQ(RequestOf({{":authority", ""}}).authority(), "");
  Headers block = RequestBlock({{":authority", ""}});
  block.Add(":authority", "");
  EXPECT_EQ(absl::get<Request>(ParseRequest(block)).authority(), "");
}

TEST(RequestTest, HostMayStandInForTheAuthority) {
  const Request request = RequestOf({{":authority", ""}, {"host", "shop.example"}});
  EXPECT_EQ(request.authority(), "shop.example");
}

TEST(RequestTest, HostMayDifferFromTheAuthorityInCaseAndDefaultPort) {
  const auto both = [](const char* authority, const char* host, const char* scheme = "http") {
    return Judged({{":authority", authority}, {"host", host}, {":scheme", scheme}});
  };
  EXPECT_EQ(both("shop.example", "Shop.Example"), "accepted");
  EXPECT_EQ(both("shop.example", "shop.example:80"), "accepted");
  EXPECT_EQ(both("SHOP.example:443", "shop.example", "https"), "accepted");
  EXPECT_EQ(both("[::1]:80", "[::1]"), "accepted");
  EXPECT_EQ(both("shop.example", "shop.example:443"), "reset");
  EXPECT_EQ(both("shop.example", "shop.example:80", "https"), "reset");
  EXPECT_EQ(both("shop.example:8", "shop.example:80"), "reset");
}

// PITFALLS 39
TEST(RequestTest, AHostUnlikeTheAuthorityIsMalformed) {
  EXPECT_EQ(Judged({{"host", "shop.example:8080"}}), "accepted");
  EXPECT_EQ(Judged({{"host", "shop.example"}}), "reset");
  EXPECT_EQ(Judged({{"host", "other.example:8080"}}), "reset");
  EXPECT_EQ(Judged({{"host", "shop.example:8080"}, {"host", "shop.example:8080"}}), "reset");
}

// PITFALLS 39
TEST(RequestTest, SchemesOtherThanHttpAreMalformed) {
  EXPECT_EQ(Judged({{":scheme", "https"}}), "accepted");
  for (const char* scheme : {"ftp", "HTTP", "httpss", "grpc", ""}) {
    EXPECT_EQ(Judged({{":scheme", scheme}}), "reset") << scheme;
  }
}

// PITFALLS 28
TEST(RequestTest, AMalformedTimeoutIsInternalAsGrpcServersSay) {
  for (const char* timeout : {"5", "m", "123456789m", "5 m", "-5m", "5x"}) {
    EXPECT_EQ(Judged({{"grpc-timeout", timeout}}), "INTERNAL") << timeout;
  }
}

// PITFALLS 28
TEST(RequestTest, TwoTimeoutsAreMalformedEvenWhenTheyAgree) {
  EXPECT_EQ(Judged({{"grpc-timeout", "5m"}, {"grpc-timeout", "5m"}}), "INTERNAL");
}

}  // namespace
}  // namespace singleflight::model
