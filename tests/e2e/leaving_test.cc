// Callers that leave before the reply, and what that means for the others and for upstream.

#include <csignal>

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::Each;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Lt;

class LeavingTest : public ProxyTest {
 protected:
  void SetUp() override { backend_.Hold(); }
};

// PITFALLS 9
TEST_F(LeavingTest, FirstCallerCancellingDoesNotEndTheFlight) {
  Serve();
  std::vector<PendingCall> first = StartHerd(1);
  std::vector<PendingCall> others = StartHerd(5);
  first.front().Cancel();
  WaitForWaiters(5);
  backend_.Release();
  EXPECT_THAT(WaitAll(others), Each(IsOkWith("reply to id-7")));
  EXPECT_THAT(first.front().Wait(), HasCode(absl::StatusCode::kCancelled));
  EXPECT_EQ(backend_.calls(), 1);
}

// PITFALLS 9
TEST_F(LeavingTest, LeadersDeadlineIsTheLeadersAlone) {
  Serve();
  backend_.AnswerWith(Ok("late"));
  PendingCall leader = Start(kRead, "id-7", {.timeout = milliseconds(500)});
  backend_.WaitForCalls(1);
  PendingCall follower = Start(kRead, "id-7");
  EXPECT_THAT(leader.Wait(), HasCode(absl::StatusCode::kDeadlineExceeded));
  WaitForWaiters(1);
  backend_.Release();
  EXPECT_THAT(follower.Wait(), IsOkWith("late"));
  EXPECT_EQ(backend_.calls(), 1);
}

// PITFALLS 10
TEST_F(LeavingTest, AFollowerLeavesAtItsOwnDeadline) {
  Serve();
  std::vector<PendingCall> leader = StartHerd(1);
  EXPECT_THAT(Ask(kRead, "id-7", {.timeout = milliseconds(100)}),
              HasCode(absl::StatusCode::kDeadlineExceeded));
  WaitForWaiters(1);
  backend_.Release();
  EXPECT_THAT(leader.front().Wait(), IsOkWith("reply to id-7"));
}

TEST_F(LeavingTest, WhenAllHaveLeftUpstreamSeesTheCancellation) {
  Serve();
  std::vector<PendingCall> herd = StartHerd(5);
  backend_.WaitForHeld(1);
  for (PendingCall& call : herd) call.Cancel();
  backend_.WaitForCancelled(1);
  WaitForWaiters(0);
}

TEST_F(LeavingTest, OnAbandonCompleteFinishesTheCallForWhoeverComesNext) {
  Serve({.collapse = "{flight_timeout: 1m, max_join_age: 1m, on_abandon: complete}"});
  { std::vector<PendingCall> herd = StartHerd(3); }
  WaitForWaiters(0);
  std::vector<PendingCall> newcomer = StartHerd(1);
  backend_.Release();
  EXPECT_THAT(newcomer.front().Wait(), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(backend_.cancelled(), 0);
}

TEST_F(LeavingTest, ACallersDeadlineNeverReachesUpstreamOnACollapseRoute) {
  Serve({.collapse = "{flight_timeout: 40s}"});
  std::vector<PendingCall> herd = StartHerd(1);
  backend_.WaitForCalls(1);
  EXPECT_TRUE(backend_.call(0).has_deadline);  // the flight's
}

TEST_F(LeavingTest, CancellationCrossesARelayRoute) {
  Serve();
  PendingCall call = Start(kWrite, "id-7");
  backend_.WaitForHeld(1);
  call.Cancel();
  backend_.WaitForCancelled(1);
}

TEST_F(LeavingTest, TheDeadlineOfARelayedCallIsUpstreamsToo) {
  Serve();
  EXPECT_THAT(Ask(kWrite, "id-7", {.timeout = milliseconds(100)}),
              HasCode(absl::StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(backend_.call(0).has_deadline);
  backend_.WaitForCancelled(1);
}

TEST_F(LeavingTest, WhatTheBackendNeverAnsweredIsNotCountedAmongItsAnswers) {
  Serve();
  PendingCall late = Start(kRead, "late", {.timeout = milliseconds(500)});
  PendingCall later = Start(kRead, "later", {.timeout = milliseconds(500)});
  backend_.WaitForCalls(2);
  proxy_->WaitForMetric("singleflight_upstream_unanswered_total{reason=\"deadline\"}", Eq(2));
  PendingCall given_up = Start(kWrite, "given up", {.timeout = milliseconds(30'000)});
  backend_.WaitForCalls(3);
  given_up.Cancel();
  proxy_->WaitForMetric("singleflight_upstream_unanswered_total{reason=\"cancelled\"}", Eq(1));
  EXPECT_EQ(Metric("singleflight_upstream_calls_total"), 0);
}

// PITFALLS 35
TEST_F(LeavingTest, FiveThousandCancelledCallsLeaveTheConnectionAlive) {
  Serve();
  for (int batch = 0; batch < 50; ++batch) {
    std::vector<PendingCall> calls;
    for (int i = 0; i < 100; ++i) calls.push_back(Start(kRead, std::to_string(i)));
    proxy_->WaitForMetric("singleflight_streams", Eq(100));
    for (PendingCall& call : calls) call.Cancel();
    WaitAll(calls);
    proxy_->WaitForMetric("singleflight_streams", Eq(0));
  }
  backend_.Release();
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(Metric("singleflight_connections_accepted_total"), 1);
  EXPECT_EQ(Metric("singleflight_upstream_connects_total"), 1);
}

}  // namespace
}  // namespace singleflight::testing
