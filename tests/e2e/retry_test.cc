// A backend that refuses calls, and a proxy that sends them again.

#include <atomic>
#include <optional>

#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

class RetryTest : public ProxyTest {
 protected:
  void ServeWithRetry(const std::string& rules) {
    Serve({.collapse = "{flight_timeout: 1m}\n    retry: " + rules,
           .other_collapse = "false\n    retry: " + rules});
  }

  // So many calls, from now on, are refused; the others are answered.
  void RefuseFirst(int calls, const Metadata& trailing = {}) {
    auto left = std::make_shared<std::atomic<int>>(calls);
    backend_.AnswerWith([left, trailing](const SeenCall& call) {
      if ((*left)-- <= 0) return Ok("reply to " + call.messages.front());
      Answer refusal = Failed(kUnavailable, "busy");
      refusal.trailing = trailing;
      return refusal;
    });
  }

  int64_t Refused(const std::string& reason) {
    return Metric("singleflight_retry_refusals_total{reason=\"" + reason + "\"}");
  }
};

TEST_F(RetryTest, ARelayedCallThatIsRefusedIsSentAgain) {
  ServeWithRetry("{attempts: 3, backoff: 1ms}");
  RefuseFirst(2);
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  ASSERT_EQ(backend_.calls(), 3);
  EXPECT_THAT(backend_.call(0).metadata, Not(Contains(Key("grpc-previous-rpc-attempts"))));
  EXPECT_THAT(backend_.call(1).metadata, Contains(Pair("grpc-previous-rpc-attempts", "1")));
  EXPECT_THAT(backend_.call(2).metadata, Contains(Pair("grpc-previous-rpc-attempts", "2")));
  EXPECT_THAT(backend_.call(2).messages, ElementsAre("id-7"));
  EXPECT_EQ(Metric("singleflight_retries_total{route=\"/*\"}"), 2);
  EXPECT_EQ(Metric("singleflight_upstream_calls_resent_total"), 2);
}

TEST_F(RetryTest, AHerdIsRetriedOnce) {
  ServeWithRetry("{backoff: 1ms}");
  RefuseFirst(1);
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(50);
  backend_.WaitForHeld(1);
  backend_.Release();
  for (const Answer& answer : WaitAll(herd)) EXPECT_THAT(answer, IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_EQ(Metric("singleflight_retries_total{route=\"/test.Reads/*\"}"), 1);
}

TEST_F(RetryTest, ABackendThatForbidsItIsNotAskedAgain) {
  ServeWithRetry("true");
  RefuseFirst(10, {{"grpc-retry-pushback-ms", "-1"}});
  EXPECT_THAT(Ask(kWrite, "id-7"), HasCode(kUnavailable));
  EXPECT_THAT(Ask(kRead, "id-7"), HasCode(kUnavailable));
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_EQ(Refused("pushback"), 2);
}

TEST_F(RetryTest, ALargeRequestIsRelayedAndNotSentAgain) {
  ServeWithRetry("true");
  RefuseFirst(1);
  EXPECT_THAT(Ask(kWrite, std::string(300 << 10, 'x')), HasCode(kUnavailable));
  EXPECT_EQ(Refused("too_large"), 1);
}

TEST_F(RetryTest, WithoutRetryACallIsNotSentAgain) {
  Serve();
  RefuseFirst(1);
  EXPECT_THAT(Ask(kWrite, "id-7"), HasCode(kUnavailable));
  EXPECT_EQ(backend_.calls(), 1);
}

// It closes its connection without a word, as a process that is killed. (A gRPC server that stops
// may end its calls with CANCELLED first, which is an answer.)
TEST_F(RetryTest, ACallWhoseConnectionIsLostIsSentToABackendThatLives) {
  RawServer mortal([](const RawSeen& request) -> std::optional<RawMessage> {
    if (request.body == Framed("first")) return RawReply("reply to first");
    return std::nullopt;
  });
  Serve({.other_collapse = "false\n    retry: {attempts: 5, backoff: 1ms, budget: 100%}",
         .target = "endpoints: [\"" + backend_.address() + "\", \"" + mortal.address() + "\"]"});
  Ask(kWrite, "first");
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(2));
  mortal.HangUpOnRequests();
  std::vector<PendingCall> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(Start(kWrite, "id-7"));
  for (const Answer& answer : WaitAll(calls)) EXPECT_THAT(answer, IsOkWith("reply to id-7"));
  EXPECT_THAT(mortal.requests(), Contains(::testing::Field(&RawSeen::body, Framed("id-7"))));
}

// A backend that refuses every second call, as one with half of the capacity that is asked of it:
// the budget keeps it from getting more than a tenth on top (amplification).
TEST_F(RetryTest, ABackendAtHalfCapacityGetsATenthMoreAtMost) {
  constexpr int kCalls = 2000;
  ServeWithRetry("{attempts: 5, backoff: 1ms}");
  auto turn = std::make_shared<std::atomic<int>>(0);
  backend_.AnswerWith([turn](const SeenCall&) {
    return (*turn)++ % 2 == 0 ? Failed(kUnavailable, "busy") : Ok("reply");
  });
  int answered = 0;
  for (int sent = 0; sent < kCalls;) {
    std::vector<PendingCall> calls;
    for (int i = 0; i < 50; ++i) calls.push_back(Start(kWrite, std::to_string(sent++)));
    for (const Answer& answer : WaitAll(calls)) answered += answer.code == absl::StatusCode::kOk;
  }
  RecordProperty("amplification_per_mille", backend_.calls() * 1000 / kCalls);
  RecordProperty("answered_per_mille", answered * 1000 / kCalls);
  EXPECT_LE(backend_.calls(), kCalls * 11 / 10);
  EXPECT_GE(backend_.calls(), kCalls * 108 / 100);
  EXPECT_GE(answered, backend_.calls() / 2);
  EXPECT_GT(Refused("budget"), 0);
  EXPECT_EQ(Metric("singleflight_upstream_calls_begun_total"),
            kCalls + Metric("singleflight_retries_total"));
}

}  // namespace
}  // namespace singleflight::testing
