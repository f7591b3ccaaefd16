// Callers whose messages are compressed in different ways, or not at all.

#include <atomic>

#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"
#include "tests/wire/deflated.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using wire::Deflated;
using wire::Encoding;

const std::string kLong(10000, 'a');  // no gRPC compresses what that does not make shorter

const Fields kReadsGzip = {{"grpc-accept-encoding", "identity, gzip"}};
const Fields kReadsSnappy = {{"grpc-accept-encoding", "identity, snappy"}};

RawMessage GzipCall(const std::string& message) {
  return {UpstreamHead(kRead, {{"grpc-encoding", "gzip"}}),
          {Framed(Deflated(Encoding::kGzip, message), 1)}};
}

RawMessage EncodedReply(const std::string& encoding, const std::string& bytes) {
  RawMessage reply = RawReply("");
  reply.head.push_back({"grpc-encoding", encoding});
  reply.data = {Framed(bytes, 1)};
  return reply;
}

class CompressionTest : public ProxyTest {
 protected:
  // In front of a backend that says what a test wants it to.
  void ServeBefore(const RawServer& server, const std::string& cache = "") {
    Serve({.cache = cache, .target = "target: \"" + server.address() + "\""});
  }
  RawSeen AskRaw(const Fields& more, const std::string& message = "id-7") {
    return RawClient(proxy_->address()).Call(RawCall(kRead, message, more));
  }
  int64_t Inflations(const std::string& of) {
    return Metric("singleflight_inflations_total{of=\"" + of + "\"}");
  }
  int64_t Refusals(const std::string& of, const std::string& reason) {
    return Metric("singleflight_inflation_refusals_total{of=\"" + of + "\",reason=\"" + reason +
                  "\"}");
  }
};

// PITFALLS 22
TEST_F(CompressionTest, CallersOfEveryCompressionShareOneUpstreamCall) {
  Serve();
  backend_.CompressReplies();
  backend_.Hold();
  std::vector<PendingCall> calls;
  for (const Compression compress :
       {Compression::kGzip, Compression::kDeflate, Compression::kNone}) {
    calls.push_back(Start(kRead, kLong, {.compress = compress}));
    WaitForWaiters(static_cast<int>(calls.size()));
  }
  RawClient raw(proxy_->address());
  const int32_t plain = raw.Open(RawCall(kRead, kLong));
  raw.Until([this] { return Metric("singleflight_waiters") == 4; });
  backend_.Release();
  for (const Answer& answer : WaitAll(calls)) EXPECT_THAT(answer, IsOkWith("reply to " + kLong));
  const RawSeen seen = raw.Wait(plain);
  EXPECT_EQ(seen.body, Framed("reply to " + kLong));
  EXPECT_EQ(seen.Value("grpc-encoding"), "");
  EXPECT_EQ(seen.Value("grpc-status"), "0");
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(backend_.call(0).messages, std::vector<std::string>{kLong});
  EXPECT_EQ(Inflations("request"), 2);
  EXPECT_EQ(Inflations("reply"), 1);
}

// PITFALLS 22
TEST_F(CompressionTest, AnEntryServesCallersOfEveryCompression) {
  Serve({.cache = "{ttl: 1h}"});
  backend_.CompressReplies();
  EXPECT_THAT(Ask(kRead, kLong, {.compress = Compression::kGzip}), IsOkWith("reply to " + kLong));
  EXPECT_THAT(Ask(kRead, kLong, {.compress = Compression::kDeflate}),
              IsOkWith("reply to " + kLong));
  EXPECT_THAT(Ask(kRead, kLong), IsOkWith("reply to " + kLong));
  const RawSeen gzip = AskRaw(kReadsGzip, kLong);
  EXPECT_EQ(gzip.Value("grpc-encoding"), "gzip");
  EXPECT_LT(gzip.body.size(), 1000u);
  const RawSeen plain = AskRaw({}, kLong);
  EXPECT_EQ(plain.Value("grpc-encoding"), "");
  EXPECT_EQ(plain.body, Framed("reply to " + kLong));
  EXPECT_THAT(plain.Value("cache-status"), HasSubstr("; hit; ttl="));
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(Calls("hit"), 4);
}

// PITFALLS 22
TEST_F(CompressionTest, WhoCannotReadWhatIsKeptMakesACallOfHisOwn) {
  RawServer server([](const RawSeen& request) {
    const bool snappy = request.Value("grpc-accept-encoding") == "identity, snappy";
    return snappy ? EncodedReply("snappy", "??") : RawReply("blue kettle");
  });
  ServeBefore(server, "{ttl: 1h}");
  EXPECT_EQ(AskRaw(kReadsSnappy).body, Framed("??", 1));
  EXPECT_EQ(AskRaw(kReadsSnappy).body, Framed("??", 1));
  EXPECT_EQ(server.requests().size(), 1u);
  const RawSeen plain = AskRaw({});
  EXPECT_EQ(plain.body, Framed("blue kettle"));
  EXPECT_THAT(plain.Value("cache-status"), HasSubstr("fwd=bypass; detail=kept_encoding"));
  EXPECT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{reason=\"kept_encoding\"}"), 1);
  EXPECT_EQ(Refusals("reply", "encoding"), 1);
}

// PITFALLS 29
TEST_F(CompressionTest, ARequestThatInflatesWithoutEndGoesUpstreamAsItIs) {
  Serve({.collapse = "{max_request_bytes: 64KiB}"});
  const std::string bomb(64 << 20, '\0');
  EXPECT_EQ(RawClient(proxy_->address()).Call(GzipCall(bomb)).Value("grpc-status"), "0");
  EXPECT_EQ(Refusals("request", "past_bound"), 1);
  EXPECT_EQ(Calls("leader"), 1);
}

// PITFALLS 29
TEST_F(CompressionTest, AReplyThatInflatesWithoutEndIsDecodedForNobody) {
  const RawMessage bomb = EncodedReply("gzip", Deflated(Encoding::kGzip, std::string(64 << 20, 0)));
  RawServer server([&bomb](const RawSeen& request) {
    return request.Value("grpc-accept-encoding").empty() ? RawReply("blue kettle") : bomb;
  });
  ServeBefore(server, "{ttl: 1h}");
  EXPECT_EQ(AskRaw(kReadsGzip).body, bomb.data.front());
  EXPECT_EQ(AskRaw({}).body, Framed("blue kettle"));
  EXPECT_EQ(Refusals("reply", "past_bound"), 1);
  EXPECT_EQ(Inflations("reply"), 0);
}

// The leader's encoding is refused. A caller that uses another makes its own call, and sends what
// can be read behind its own headers.
TEST_F(CompressionTest, ABackendThatDoesNotReadTheLeadersEncodingServesTheOthers) {
  std::atomic<bool> answering = false;
  RawServer server([&answering](const RawSeen& request) -> std::optional<RawMessage> {
    if (!answering) return std::nullopt;
    if (request.Value("grpc-encoding").empty()) return RawReply("for " + request.body.substr(5));
    return RawMessage{{{":status", "200"},
                       {"content-type", "application/grpc"},
                       {"grpc-status", "12"},
                       {"grpc-accept-encoding", "identity"}}};
  });
  ServeBefore(server);
  RawClient client(proxy_->address());
  const int32_t leader = client.Open(GzipCall("id-7"));
  client.Until([this] { return Metric("singleflight_waiters") == 1; });
  const int32_t follower = client.Open(RawCall(kRead, "id-7"));
  client.Until([this] { return Metric("singleflight_waiters") == 2; });
  answering = true;
  server.LookAgain();
  EXPECT_EQ(client.Wait(leader).Value("grpc-status"), "12");
  EXPECT_EQ(client.Wait(follower).body, Framed("for id-7"));
}

}  // namespace
}  // namespace singleflight::testing
