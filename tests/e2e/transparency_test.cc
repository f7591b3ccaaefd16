// The same call made directly and through the proxy: everything that is not on the closed list of
// what may change is compared field by field, byte by byte. On a route that relays, on one that
// collapses, and on one that keeps replies, where the call is made twice.

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_peer.h"

namespace singleflight::testing {
namespace {

struct Case {
  std::string name;
  RawMessage request;
  RawMessage reply;
  bool only_relayed = false;  // a flight makes a status of a reset
};

Fields RequestHead(Fields more = {}, const std::string& content_type = "application/grpc") {
  Fields head = {{":method", "POST"},         {":scheme", "http"},
                 {":path", "/test.Any/Call"}, {":authority", "proxy.example"},
                 {"te", "trailers"},          {"content-type", content_type}};
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

Fields ReplyHead(Fields more = {}, const std::string& content_type = "application/grpc") {
  Fields head = {{":status", "200"}, {"content-type", content_type}};
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

Fields TrailersOnly(Fields more) { return ReplyHead(std::move(more)); }

const Fields kOk = {{"grpc-status", "0"}};

RawMessage Request(Fields more = {}) { return {RequestHead(std::move(more)), {Framed("id-7")}}; }
RawMessage Reply(Fields more = {}, Fields trailers = kOk) {
  return {ReplyHead(std::move(more)), {Framed("blue kettle")}, std::move(trailers)};
}

RawMessage Sized(std::vector<std::string> data) { return {RequestHead(), std::move(data)}; }

std::vector<Case> Cases() {
  const Fields odd = {{"x-dup", "1"},
                      {"x-other", "between"},
                      {"x-dup", "2"},
                      {"x-empty", ""},
                      {"x-padded-bin", "AAECAw=="},
                      {"x-unpadded-bin", "AAECAw"},
                      {"x-joined-bin", "AAEC,AwQF"},
                      {"x-inner", "a  b\tc, d;e=\"f\""},
                      {"x-obs", "caf\xc3\xa9"},
                      {"user-agent", "grpc-c++/1.51.1"},
                      {"grpc-accept-encoding", "identity, deflate, gzip"}};
  const std::string large(300000, 'x');
  const std::string two = Framed("one") + Framed("two");
  std::vector<Case> cases = {
      {"Unary", Request(), Reply()},
      {"MetadataInOrderWithDuplicates", Request(odd),
       Reply(odd, {{"grpc-status", "0"},
                   {"x-end", "b"},
                   {"x-mid", "c"},
                   {"x-end", "a"},
                   {"x-end-bin", "AAEC,AwQF"}})},
      {"NeverIndexed", Request({{"x-private", "1", true}, {"x-public", "2"}}),
       Reply({{"x-private", "1", true}, {"x-public", "2"}})},
      {"LongMetadata", Request({{"x-long", std::string(20000, 'm')}}),
       Reply({{"x-long", std::string(20000, 'n')}})},
      // PITFALLS 25
      {"TrailersOnly",
       Request(),
       {TrailersOnly({{"grpc-status", "5"},
                      {"grpc-message", "no%20such%20%C3%A9"},
                      {"grpc-status-details-bin", "CAUSAm5v"},
                      {"x-reason", "gone"}})}},
      // PITFALLS 34
      {"MessageThatEndsInASpace",
       Request(),
       {TrailersOnly({{"grpc-status", "5"}, {"grpc-message", "no such id: "}})}},
      {"ErrorAfterAMessage", Request(),
       Reply(
           {},
           {{"grpc-status", "13"}, {"grpc-message", "half%"}, {"grpc-status-details-bin", "CA0"}})},
      {"UnknownStatus", Request(), Reply({}, {{"grpc-status", "99"}})},
      {"NoStatus", Request(), {ReplyHead(), {Framed("blue kettle")}}},
      {"TwoStatuses", Request(), Reply({}, {{"grpc-status", "0"}, {"grpc-status", "2"}})},
      {"ContentTypes",
       {RequestHead({}, "application/grpc+proto"), {Framed("id-7")}},
       {ReplyHead({}, "application/grpc;charset=utf-8"), {Framed("x")}, kOk}},
      {"NotGrpcAtAll",
       Request(),
       {{{":status", "503"}, {"content-type", "text/html"}, {"retry-after", "5"}},
        {"<h1>no</h1>"}}},
      {"NoMessageInTheReply", Request(), {ReplyHead(), {}, kOk}},
      {"EmptyMessage", Sized({Framed("")}), {ReplyHead(), {Framed("")}, kOk}},
      {"LargeMessages", Sized({Framed(large)}), {ReplyHead(), {Framed(large)}, kOk}},
      {"MessagesInPieces",
       Sized({two.substr(0, 3), two.substr(3, 7), two.substr(10)}),
       {ReplyHead(), {two.substr(0, 6), two.substr(6)}, kOk}},
      {"StreamOfReplies", Request(), {ReplyHead(), {Framed("1"), Framed("2"), Framed("3")}, kOk}},
      {"NoMessageInTheRequest", {RequestHead()}, Reply()},
      {"TrailersInTheRequest",
       {RequestHead(), {Framed("id-7")}, {{"x-late", "1"}, {"x-late-bin", "AAEC,AwQF"}}},
       Reply()},
      {"Compressed",
       {RequestHead({{"grpc-encoding", "gzip"}}), {Framed("\x1f\x8b not really", 1)}},
       {ReplyHead({{"grpc-encoding", "gzip"}}), {Framed("\x1f\x8b", 1)}, kOk}},
      {"MalformedMessages", Sized({"\x02 what is this"}), {ReplyHead(), {"\x07 and this"}, kOk}},
      // PITFALLS 29
      {"AMessageOfTwoGibibytesThatEndsEarly",
       Sized({std::string("\0\x7f\xff\xff\xff!", 6)}),
       {ReplyHead(), {std::string("\0\xff\xff\xff\xff!", 6)}, kOk}},
      {"ContentLength",
       {RequestHead({{"content-length", "9"}}), {Framed("id-7")}},
       {ReplyHead({{"content-length", "16"}}), {Framed("blue kettle")}, kOk}},
      {"HostLikeAuthority", Request({{"host", "proxy.example"}}), Reply()},
      {"ADeadline", Request({{"grpc-timeout", "30S"}}), Reply()},
      {"ReplyBeforeItsTrailers",
       Request(),
       {ReplyHead({{"x-initial", "1"}}), {"", Framed("x"), ""}, kOk}},
      // PITFALLS 31
      {"ReplyBeforeTheRequestHasEnded",
       {RequestHead(), {Framed("1"), Framed("2")}, {}, false},
       {TrailersOnly({{"grpc-status", "9"}}), {}, {}, true, 0, true}},
      {"WholeReplyBeforeTheRequestHasEnded",
       {RequestHead(), {Framed("1"), Framed("2")}, {}, false},
       {ReplyHead(), {Framed("enough")}, kOk, true, 0, true}},
  };
  for (const uint32_t code : {0x2u, 0x8u, 0xbu, 0xdu}) {
    cases.push_back(
        {"ResetWith" + std::to_string(code), Request(), {{}, {}, {}, false, code}, true});
    cases.push_back({"ResetInMidReplyWith" + std::to_string(code),
                     Request(),
                     {ReplyHead(), {Framed("half")}, {}, false, code},
                     true});
  }
  return cases;
}

// --- the closed list
// ------------------------------------------------------------------------------------------------

bool MayDiffer(const std::string& name) {
  static const std::set<std::string>& names = *new std::set<std::string>{
      ":authority",   ":scheme",           "te", "host", "content-length",
      "grpc-timeout", "singleflight-chain"};
  return names.count(name) > 0;
}

enum class What { kRequest, kReply, kMarkedReply };

// What replies on routes that collapse or keep say about how they came.
bool IsMark(const std::string& name) { return name == "age" || name == "cache-status"; }

// What separates the values of a field: nothing, unless it is of binary metadata.
char JoinedBy(const std::string& name) { return absl::EndsWith(name, "-bin") ? ',' : '\0'; }

// Pseudo-header fields come first and in any order.
Fields Compared(const Fields& block, What what) {
  Fields compared;
  for (const Field& field : block) {
    if (field.name == "content-length") continue;
    if (what == What::kRequest && MayDiffer(field.name)) continue;
    if (what == What::kMarkedReply && IsMark(field.name)) continue;
    // Joined values become fields of their own.
    for (const absl::string_view value : absl::StrSplit(field.value, JoinedBy(field.name))) {
      compared.push_back({field.name, std::string(value), field.never_index});
    }
  }
  std::stable_sort(compared.begin(), compared.end(), [](const Field& a, const Field& b) {
    const bool pseudo_a = a.name[0] == ':', pseudo_b = b.name[0] == ':';
    return pseudo_a != pseudo_b ? pseudo_a : pseudo_a && a.name < b.name;
  });
  return compared;
}

void ExpectSame(const RawSeen& direct, const RawSeen& proxied, What what) {
  ASSERT_EQ(proxied.blocks.size(), direct.blocks.size()) << proxied;
  for (size_t i = 0; i < direct.blocks.size(); ++i) {
    EXPECT_EQ(Compared(proxied.blocks[i], what), Compared(direct.blocks[i], what));
  }
  EXPECT_EQ(proxied.body, direct.body);
  EXPECT_EQ(proxied.ended, direct.ended);
  EXPECT_EQ(proxied.reset, direct.reset);
}

// --------------------------------------------------------------------------------------------------------------------

enum class Route { kRelays, kCollapses, kKeeps };

// A case on one kind of route.
struct Try {
  Case tried;
  Route route;
};

void PrintTo(const Try& one, std::ostream* out) {
  const char* const kinds[] = {"Relayed", "Collapsed", "Kept"};
  *out << one.tried.name << kinds[static_cast<size_t>(one.route)];
}

std::vector<Try> Tries() {
  std::vector<Try> tries;
  for (const Case& one : Cases()) {
    tries.push_back({one, Route::kRelays});
    if (one.only_relayed) continue;
    tries.push_back({one, Route::kCollapses});
    tries.push_back({one, Route::kKeeps});
  }
  return tries;
}

class TransparencyTest : public ProxyTest, public ::testing::WithParamInterface<Try> {
 protected:
  const Case& tried() const { return GetParam().tried; }

  RawSeen Call(const std::string& address) { return RawClient(address).Call(tried().request); }

  RawServer server_{[](const RawSeen&) { return GetParam().tried.reply; }};
};

TEST_P(TransparencyTest, NothingElseChanges) {
  const Route route = GetParam().route;
  Serve({.other_collapse = route == Route::kRelays ? "false" : "true",
         .other_cache = route == Route::kKeeps ? "{ttl: 1h}" : "",
         .target = "target: \"" + server_.address() + "\""});
  const What what = route == Route::kRelays ? What::kReply : What::kMarkedReply;
  const RawSeen direct_reply = Call(server_.address());
  ExpectSame(direct_reply, Call(proxy_->address()), what);
  // The end of a request that its reply overtook is not waited for by anyone.
  const std::vector<RawSeen> requests = server_.requests();
  ASSERT_EQ(requests.size(), 2u);
  if (!tried().reply.early) ExpectSame(requests[0], requests[1], What::kRequest);
  if (route == Route::kKeeps) ExpectSame(direct_reply, Call(proxy_->address()), what);
}

INSTANTIATE_TEST_SUITE_P(, TransparencyTest, ::testing::ValuesIn(Tries()),
                         [](const auto& info) { return ::testing::PrintToString(info.param); });

class OnwardTest : public ProxyTest {
 protected:
  void SetUp() override { Serve({.target = "target: \"" + server_.address() + "\""}); }
  RawServer server_{[](const RawSeen&) { return Reply(); }};
};

TEST_F(OnwardTest, CredentialsAreNeverIndexedFromHereOn) {
  RawClient(proxy_->address()).Call(Request({{"authorization", "Bearer x"}, {"cookie", "a=b"}}));
  const Fields head = server_.requests().at(0).blocks.at(0);
  EXPECT_THAT(head, ::testing::Contains(Field{"authorization", "Bearer x", true}));
  EXPECT_THAT(head, ::testing::Contains(Field{"cookie", "a=b", true}));
}

// Nobody joins the flight of a route that only keeps.
TEST_F(OnwardTest, OnlyACollapsedCallNamesTheProxy) {
  Serve({.other_cache = "{ttl: 1h}", .target = "target: \"" + server_.address() + "\""});
  RawClient client(proxy_->address());
  client.Call(Request());
  RawMessage read = Request();
  read.head[2].value = kRead;
  client.Call(read);
  EXPECT_EQ(server_.requests().at(0).Value("singleflight-chain"), "");
  EXPECT_THAT(server_.requests().at(1).Value("singleflight-chain"), ::testing::StartsWith("sf-"));
}

TEST_F(OnwardTest, WhatIsLeftOfTheDeadlineReachesUpstream) {
  RawClient(proxy_->address()).Call(Request({{"grpc-timeout", "30S"}}));
  EXPECT_THAT(server_.requests().at(0).Value("grpc-timeout"),
              ::testing::MatchesRegex("(29|30)[0-9]*[SmunS]"));
}

}  // namespace
}  // namespace singleflight::testing
