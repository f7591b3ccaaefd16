// Peers that mean harm, or look like it, against the whole proxy.

#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

class HostileTest : public ProxyTest {};

// PITFALLS 29
TEST_F(HostileTest, AMessageThatClaimsFourGibibytesIsRefusedByTheNameOfTheLimit) {
  Serve();
  RawClient client(proxy_->address());
  const std::string claim("\0\xff\xff\xff\xff!", 6);
  for (const char* path : {kRead, kWrite}) {
    const RawSeen seen = client.Call({UpstreamHead(path), {claim}, {}, false});
    EXPECT_EQ(seen.Value("grpc-status"), "8");
    EXPECT_THAT(seen.Value("grpc-message"), HasSubstr("max_message_bytes"));
  }
  EXPECT_EQ(Metric("singleflight_calls_shed_total{reason=\"max_message_bytes\"}"), 2);
}

// PITFALLS 29
TEST_F(HostileTest, AMessageThatClaimsAlmostTwoGibibytesCostsNothing) {
  Serve();
  RawClient client(proxy_->address());
  const std::string claim("\0\x7f\xff\xff\xff!", 6);
  for (const char* path : {kRead, kWrite}) {
    const int32_t call = client.Open({UpstreamHead(path), {claim}, {}, false});
    client.Until([this] { return Metric("singleflight_streams") == 1; });
    EXPECT_LT(Metric("singleflight_buffered_bytes"), 4 << 10);
    client.Reset(call, 0x8);
    client.Wait(call);
    proxy_->WaitForMetric("singleflight_streams", Eq(0));
  }
}

// PITFALLS 29
TEST_F(HostileTest, AReplyThatClaimsFourGibibytesIsRelayedAsItComes) {
  RawServer boaster([](const RawSeen&) {
    RawMessage reply = RawReply("");
    reply.data = {std::string("\0\xff\xff\xff\xff!", 6)};
    return reply;
  });
  Serve({.target = "target: \"" + boaster.address() + "\""});
  EXPECT_EQ(RawClient(proxy_->address()).Call(RawCall(kRead, "id-7")).body.size(), 6u);
}

// PITFALLS 31
TEST_F(HostileTest, AReplyThatOvertakesItsRequestIsDeliveredAndEndsIt) {
  RawServer hasty([](const RawSeen&) {
    RawMessage reply = RawReply("enough");
    reply.reset = 0;
    reply.early = true;
    return reply;
  });
  Serve({.target = "target: \"" + hasty.address() + "\""});
  RawClient client(proxy_->address());
  const RawSeen seen = client.Call({UpstreamHead(kWrite), {Framed("1"), Framed("2")}, {}, false});
  EXPECT_EQ(seen.body, Framed("enough"));
  EXPECT_EQ(seen.Value("grpc-status"), "0");
  EXPECT_EQ(seen.reset, 0u);
}

// A call that went through the proxy, comes back to it from the application behind, and asks for
// the same thing.
TEST_F(HostileTest, ACallThatMeetsItselfDoesNotWaitForItself) {
  Serve();
  RawClient client(proxy_->address());
  backend_.Hold();
  const int32_t outer = client.Open(RawCall(kRead, "id-7"));
  client.Until([this] { return backend_.held() == 1; });
  std::string marker;
  for (const auto& [name, value] : backend_.call(0).metadata) {
    if (name == "singleflight-chain") marker = value;
  }
  const int32_t inner = client.Open(RawCall(kRead, "id-7", {{"singleflight-chain", marker}}));
  client.Until([this] { return backend_.held() == 2; });
  backend_.Release();
  EXPECT_EQ(client.Wait(inner).Value("grpc-status"), "0");
  EXPECT_EQ(client.Wait(outer).Value("grpc-status"), "0");
}

// PITFALLS 37
TEST_F(HostileTest, MoreCallsThanOneConnectionMayHaveAreNoErrorOfTheConnection) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> calls;
  for (int i = 0; i < 1500; ++i) calls.push_back(Start(kRead, "id-7"));
  proxy_->WaitForMetric("singleflight_streams", ::testing::Ge(1000));
  backend_.Release();
  EXPECT_THAT(WaitAll(calls), ::testing::Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(Metric("singleflight_connections_accepted_total"), 1);
}

// PITFALLS 18
TEST_F(HostileTest, TwentyThousandKeysNeverGetEachOthersReplies) {
  Serve();
  std::vector<PendingCall> calls;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 200; ++i) {
      calls.push_back(Start(kRead, std::to_string(round * 200 + i)));
    }
    for (int i = 0; i < 200; ++i) {
      ASSERT_THAT(calls[i].Wait(), IsOkWith("reply to " + std::to_string(round * 200 + i)));
    }
    calls.clear();
  }
}

}  // namespace
}  // namespace singleflight::testing
