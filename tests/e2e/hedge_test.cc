// A backend with a slow tail, and a proxy that asks a second time.

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::Contains;
using ::testing::Eq;
using ::testing::Pair;

class HedgeTest : public ProxyTest {
 protected:
  void ServeWithHedge(const std::string& rules, const std::string& target = "") {
    Serve({.collapse = "{flight_timeout: 1m, max_join_age: 1m, hedge: " + rules + "}",
           .target = target});
  }
};

TEST_F(HedgeTest, AHerdBehindASlowEndpointIsServedByAnother) {
  Backend other;
  ServeWithHedge("{after: 20ms, budget: 100%}",
                 "endpoints: [\"" + backend_.address() + "\", \"" + other.address() + "\"]");
  Ask(kWrite, "the first makes the connections");
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(2));
  const int64_t begun_before = Metric("singleflight_upstream_calls_begun_total");
  const int64_t led_before = Calls("leader");
  backend_.Hold();
  std::vector<PendingCall> calls;
  for (int herd = 0; herd < 4; ++herd) {
    for (int i = 0; i < 10; ++i) calls.push_back(Start(kRead, "id-" + std::to_string(herd)));
  }
  for (const Answer& answer : WaitAll(calls)) EXPECT_THAT(answer, HasCode(absl::StatusCode::kOk));
  const int64_t hedges = Metric("singleflight_hedges_total{route=\"/test.Reads/*\"}");
  const int64_t led = Calls("leader") - led_before;
  EXPECT_GE(hedges, 1);
  EXPECT_LE(hedges, led) << "one per flight at most";
  EXPECT_GE(Metric("singleflight_hedges_won_total"), 1);
  EXPECT_EQ(Metric("singleflight_upstream_unanswered_total{reason=\"hedge\"}"), hedges);
  EXPECT_EQ(Metric("singleflight_upstream_calls_begun_total") - begun_before, led + hedges);
}

TEST_F(HedgeTest, TheBackendIsToldThatItIsTheSecond) {
  ServeWithHedge("{after: 20ms}");
  backend_.Hold();
  PendingCall call = Start(kRead, "id-7");
  backend_.WaitForHeld(2);
  backend_.Release();
  EXPECT_THAT(call.Wait(), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_THAT(backend_.call(1).metadata, Contains(Pair("grpc-previous-rpc-attempts", "1")));
}

TEST_F(HedgeTest, BothAreCancelledWhenTheLastCallerLeaves) {
  ServeWithHedge("{after: 20ms}");
  backend_.Hold();
  PendingCall call = Start(kRead, "id-7");
  backend_.WaitForHeld(2);
  call.Cancel();
  backend_.WaitForCancelled(2);
  EXPECT_EQ(Metric("singleflight_hedges_won_total"), 0);
}

// One call in a hundred is never answered. Everybody is served all the same, in the time that the
// hedge takes, and the backend gets a twentieth more calls at most.
TEST_F(HedgeTest, ASlowTailCostsCallersLittleAndTheBackendATwentiethAtMost) {
  constexpr int kCalls = 500;
  ServeWithHedge("{after: 300ms}");
  for (int i = 0; i < kCalls; ++i) {
    const std::string id = "id-" + std::to_string(i);
    const bool hangs = i % 100 == 50;
    if (hangs) backend_.Hold();
    PendingCall call = Start(kRead, id);
    if (hangs) {
      backend_.WaitForHeld(1);
      backend_.HoldNoMore();
    }
    EXPECT_THAT(call.Wait(), IsOkWith("reply to " + id));
    if (hangs) backend_.WaitForCancelled(i / 100 + 1);
  }
  EXPECT_EQ(Metric("singleflight_hedges_won_total"), kCalls / 100);
  EXPECT_LE(backend_.calls(), kCalls * 105 / 100);
}

// A backend that is slow for everyone: the budget keeps it from getting twice the calls.
TEST_F(HedgeTest, ABackendThatIsSlowForEveryoneIsNotAskedTwiceForEveryone) {
  constexpr int kCalls = 200;
  ServeWithHedge("{after: 1ms}");
  backend_.Hold();
  std::vector<PendingCall> calls;
  for (int i = 0; i < kCalls; ++i) calls.push_back(Start(kRead, "id-" + std::to_string(i)));
  backend_.WaitForHeld(kCalls);
  const auto decided = [&] {
    return Metric("singleflight_hedges_total") +
           Metric("singleflight_hedge_refusals_total{reason=\"budget\"}");
  };
  const Deadline deadline;
  while (decided() < kCalls && !deadline.passed()) continue;
  backend_.Release();
  for (const Answer& answer : WaitAll(calls)) EXPECT_THAT(answer, HasCode(absl::StatusCode::kOk));
  EXPECT_LE(backend_.calls(), kCalls * 105 / 100);
}

}  // namespace
}  // namespace singleflight::testing
