// `join: before_start`: nobody gets a reply to a call that was sent before it came.

#include <atomic>

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::Eq;
using ::testing::HasSubstr;

class BeforeStartTest : public ProxyTest {
 protected:
  // Replies are numbered in the order in which the backend lets calls go.
  void SetUp() override {
    backend_.Hold();
    backend_.AnswerWith([this](const SeenCall&) { return Ok("reply " + std::to_string(++sent_)); });
  }

  static Scenario With(const std::string& options, const std::string& top = "") {
    return {.collapse = "{join: before_start, " + options + "}", .top = top};
  }

  // A call that the backend has.
  PendingCall StartFirst() {
    PendingCall call = Start(kRead, "id-7");
    backend_.WaitForHeld(1);
    return call;
  }

  int64_t Gathered(const std::string& reason) { return Metric(Selector(reason)); }
  void WaitForGathered(const std::string& reason, int n) {
    proxy_->WaitForMetric(Selector(reason), Eq(n));
  }

 private:
  static std::string Selector(const std::string& reason) {
    return "singleflight_flights_gathered_total{reason=\"" + reason + "\"}";
  }

  std::atomic<int> sent_ = 0;
};

TEST_F(BeforeStartTest, WhoeverComesWhileACallIsOutSharesTheNextOne) {
  Serve(With("flight_timeout: 1m, max_join_age: 1m", "threads: 2"));
  PendingCall first = StartFirst();
  std::vector<Client> clients;
  std::vector<PendingCall> others;
  for (int i = 0; i < 4; ++i) clients.push_back(NewClient());
  for (int i = 0; i < 40; ++i) others.push_back(clients[i % 4].Start(kRead, "id-7"));
  WaitForWaiters(41);
  EXPECT_EQ(backend_.calls(), 1);
  backend_.ReleaseOne();
  EXPECT_THAT(first.Wait(), IsOkWith("reply 1"));
  backend_.WaitForHeld(1);
  backend_.Release();
  EXPECT_THAT(WaitAll(others), Each(IsOkWith("reply 2")));
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_EQ(Calls("leader"), 2);
  EXPECT_EQ(Calls("follower"), 39);
  EXPECT_EQ(Gathered("turn"), 1);
}

TEST_F(BeforeStartTest, ACallThatIsOutForTooLongHoldsUpNobody) {
  Serve(With("flight_timeout: 1m, max_join_age: 2s"));
  PendingCall first = StartFirst();
  PendingCall second = Start(kRead, "id-7");
  backend_.WaitForHeld(2);
  EXPECT_EQ(Gathered("max_join_age"), 1);
  PendingCall third = Start(kRead, "id-7");
  backend_.WaitForHeld(3);
  backend_.Release();
  for (PendingCall* call : {&first, &second, &third}) {
    EXPECT_THAT(call->Wait(), HasCode(absl::StatusCode::kOk));
  }
  EXPECT_EQ(backend_.calls(), 3);
}

TEST_F(BeforeStartTest, ACallerThatGathersLeavesAtItsOwnDeadline) {
  Serve(With("flight_timeout: 1m, max_join_age: 1m"));
  PendingCall first = StartFirst();
  EXPECT_THAT(Ask(kRead, "id-7", {.timeout = milliseconds(1000)}),
              HasCode(absl::StatusCode::kDeadlineExceeded));
  WaitForGathered("abandoned", 1);
  WaitForWaiters(1);
  backend_.Release();
  EXPECT_THAT(first.Wait(), IsOkWith("reply 1"));
  EXPECT_EQ(backend_.calls(), 1);
}

// PITFALLS 9
TEST_F(BeforeStartTest, TheFirstOfThoseWhoGatherMayCancel) {
  Serve(With("flight_timeout: 1m, max_join_age: 1m"));
  PendingCall first = StartFirst();
  PendingCall second = Start(kRead, "id-7");
  WaitForWaiters(2);
  PendingCall third = Start(kRead, "id-7");
  WaitForWaiters(3);
  second.Cancel();
  WaitForWaiters(2);
  backend_.ReleaseOne();
  EXPECT_THAT(first.Wait(), IsOkWith("reply 1"));
  backend_.WaitForHeld(1);
  backend_.Release();
  EXPECT_THAT(third.Wait(), IsOkWith("reply 2"));
  EXPECT_THAT(second.Wait(), HasCode(absl::StatusCode::kCancelled));
  EXPECT_EQ(backend_.calls(), 2);
}

// By the proxy, or by the backend, which knows the deadline.
TEST_F(BeforeStartTest, ABackendThatHangsIsGivenUpForBothAtFlightTimeout) {
  Serve(With("flight_timeout: 2s, max_join_age: 1s"));
  PendingCall first = StartFirst();
  PendingCall second = Start(kRead, "id-7");
  for (PendingCall* call : {&first, &second}) {
    EXPECT_THAT(call->Wait(), HasCode(absl::StatusCode::kDeadlineExceeded));
  }
  backend_.Release();
}

TEST_F(BeforeStartTest, WhatGathersIsBoundedByMaxFlights) {
  Scenario scenario = With("flight_timeout: 1m, max_join_age: 1m");
  scenario.upstream = "max_flights: 1";
  Serve(scenario);
  PendingCall first = StartFirst();
  const Answer refused = Ask(kRead, "id-7");
  EXPECT_THAT(refused, HasCode(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(refused.error, HasSubstr("max_flights"));
  backend_.Release();
  EXPECT_THAT(first.Wait(), IsOkWith("reply 1"));
}

// PITFALLS 16
TEST_F(BeforeStartTest, AReloadDoesNotDisturbThoseWhoGather) {
  const Scenario scenario = With("flight_timeout: 1m, max_join_age: 1m");
  Serve(scenario);
  PendingCall first = StartFirst();
  PendingCall second = Start(kRead, "id-7");
  WaitForWaiters(2);
  Scenario other = scenario;
  other.collapse = "{flight_timeout: 1m}";
  Reload(other);
  backend_.ReleaseOne();
  EXPECT_THAT(first.Wait(), IsOkWith("reply 1"));
  backend_.WaitForHeld(1);
  backend_.Release();
  EXPECT_THAT(second.Wait(), IsOkWith("reply 2"));
}

}  // namespace
}  // namespace singleflight::testing
