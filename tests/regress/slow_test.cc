// Ends that are slow, silent or gone, and whom they must not disturb.

#include <atomic>

#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr uint32_t kCancel = 0x8;

class SlowTest : public ProxyTest {};

// PITFALLS 13
TEST_F(SlowTest, ALeaderThatDoesNotReadDelaysNoFollower) {
  Serve();
  const std::string large(1 << 20, 'x');
  backend_.AnswerWith(Ok(large));
  backend_.Hold();
  RawClient leader(proxy_->address(), 0);
  const int32_t call = leader.Open(RawCall(kRead, "id-7"));
  leader.Until([this] { return backend_.held() == 1; });
  RawClient follower(proxy_->address(), 4 << 20);
  const int32_t followed = follower.Open(RawCall(kRead, "id-7"));
  follower.Until([this] { return Metric("singleflight_waiters") == 2; });
  backend_.Release();
  EXPECT_EQ(follower.Wait(followed).body, Framed(large));
  EXPECT_EQ(backend_.calls(), 1);
  leader.Reset(call, kCancel);
  leader.Wait(call);
}

// PITFALLS 9
TEST_F(SlowTest, ALeadersDeadlineOfTwentyMillisecondsIsKeptAndIsNotTheFlights) {
  Serve();
  backend_.Hold();
  RawClient client(proxy_->address());
  const int32_t leader = client.Open(RawCall(kRead, "id-7", {{"grpc-timeout", "20m"}}));
  const int32_t follower = client.Open(RawCall(kRead, "id-7", {{"grpc-timeout", "40S"}}));
  EXPECT_EQ(client.Wait(leader).Value("grpc-status"),
            "4");  // DEADLINE_EXCEEDED, and nothing is released yet
  WaitForWaiters(1);
  backend_.Release();
  EXPECT_EQ(client.Wait(follower).Value("grpc-status"), "0");
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(Metric("singleflight_deadline_exceeded_total"), 1);
}

// PITFALLS 36
TEST_F(SlowTest, CancelledUploadsDoNotUseUpTheConnectionsWindow) {
  RawServer closed([](const RawSeen&) { return std::nullopt; }, /*stream_window=*/0);
  Serve({.target = "target: \"" + closed.address() + "\""});
  RawClient client(proxy_->address());
  const std::string large = Framed(std::string(200000, 'x'));
  for (size_t i = 0; i < 40; ++i) {
    const int32_t call = client.Open({UpstreamHead(kWrite), {large}, {}, false});
    client.Until([&closed, i] { return closed.requests().size() == i + 1; });
    client.Reset(call, kCancel);
    client.Wait(call);
  }
  const int32_t last = client.Open({UpstreamHead(kRead), {large}});
  client.Until([this] { return Calls("leader") == 1; });  // all of it has arrived
  client.Reset(last, kCancel);
  client.Wait(last);
}

// PITFALLS 10
TEST_F(SlowTest, ASilentBackendIsGivenUpAtFlightTimeoutByName) {
  RawServer silent([](const RawSeen&) { return std::nullopt; });
  Serve({.collapse = "{flight_timeout: 300ms, max_join_age: 300ms}",
         .target = "target: \"" + silent.address() + "\""});
  std::vector<PendingCall> herd;
  for (int i = 0; i < 3; ++i) herd.push_back(Start(kRead, "id-7"));
  EXPECT_THAT(WaitAll(herd),
              Each(FailedWith(absl::StatusCode::kDeadlineExceeded,
                              AllOf(HasSubstr("flight_timeout"), HasSubstr("'backend'")))));
  silent.WaitFor(1, [](const RawSeen& request) { return request.reset == kCancel; });
}

// PITFALLS 10
TEST_F(SlowTest, AReplyThatStopsHalfwayIsGivenUpAtFlightTimeout) {
  RawServer halting([](const RawSeen&) {
    RawMessage half = RawReply("");
    half.data = {Framed("whole").substr(0, 7)};
    half.trailers.clear();
    half.ends = false;
    return half;
  });
  Serve({.collapse = "{flight_timeout: 300ms}", .target = "target: \"" + halting.address() + "\""});
  EXPECT_THAT(Ask(kRead, "id-7"),
              FailedWith(absl::StatusCode::kDeadlineExceeded, HasSubstr("flight_timeout")));
}

// PITFALLS 7, 15
TEST_F(SlowTest, AFlightThatIsLostTwiceIsNotSentAThirdTime) {
  RawServer broken([](const RawSeen&) { return std::nullopt; });
  broken.HangUpOnRequests();
  Serve({.target = "target: \"" + broken.address() + "\""});
  std::vector<PendingCall> herd;
  for (int i = 0; i < 50; ++i) herd.push_back(Start(kRead, "id-7"));
  EXPECT_THAT(WaitAll(herd),
              Each(FailedWith(absl::StatusCode::kUnavailable, HasSubstr("'backend'"))));
  const int64_t flights = Calls("leader");
  EXPECT_GE(broken.requests().size(), 2u);
  EXPECT_LE(static_cast<int64_t>(broken.requests().size()), 2 * flights);
}

// PITFALLS 15
TEST_F(SlowTest, AdviceToRetryIsNotReplayedToFollowers) {
  std::atomic<bool> answering{false};
  RawServer server([&answering](const RawSeen&) -> std::optional<RawMessage> {
    if (!answering) return std::nullopt;
    return RawMessage{{{":status", "200"},
                       {"content-type", "application/grpc"},
                       {"grpc-status", "14"},
                       {"grpc-retry-pushback-ms", "1000"},
                       {"x-kept", "1"}}};
  });
  Serve({.target = "target: \"" + server.address() + "\""});
  RawClient client(proxy_->address());
  const int32_t leader = client.Open(RawCall(kRead, "id-7"));
  client.Until([this] { return Metric("singleflight_waiters") == 1; });
  const int32_t follower = client.Open(RawCall(kRead, "id-7"));
  client.Until([this] { return Metric("singleflight_waiters") == 2; });
  answering = true;
  server.LookAgain();
  EXPECT_EQ(client.Wait(leader).Value("grpc-retry-pushback-ms"), "1000");
  EXPECT_EQ(client.Wait(follower).Value("grpc-retry-pushback-ms"), "");
  EXPECT_EQ(client.Wait(follower).Value("x-kept"), "1");
}

}  // namespace
}  // namespace singleflight::testing
