// A backend that is asked for more than it can do: what callers are told, and what is seen of it.

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;

class OverloadTest : public ProxyTest {
 protected:
  // Each from a client of its own, so that workers share them.
  std::vector<PendingCall> StartEach(int calls, const std::string& method) {
    std::vector<PendingCall> started;
    for (int i = 0; i < calls; ++i) {
      clients_.push_back(NewClient());
      started.push_back(clients_.back().Start(method, "id-" + std::to_string(i)));
    }
    return started;
  }

  std::vector<Client> clients_;
};

TEST_F(OverloadTest, PastItsBreakerCallsOfAllWorkersFailImmediatelyAndByName) {
  Serve({.upstream = "breaker: {calls: 4}", .top = "threads: 2"});
  backend_.Hold();
  std::vector<PendingCall> within = StartEach(4, kWrite);
  backend_.WaitForHeld(4);
  const auto refused = FailedWith(absl::StatusCode::kUnavailable,
                                  HasSubstr("upstream 'backend': breaker.calls (4)"));
  EXPECT_THAT(Ask(kWrite, "one too many"), refused);
  EXPECT_THAT(NewClient().Ask(kRead, "likewise"), refused);
  EXPECT_EQ(Metric("singleflight_upstream_breaker_refused_total{bound=\"calls\"}"), 2);
  EXPECT_EQ(Metric("singleflight_upstream_breaker_used{bound=\"calls\"}"), 4);
  EXPECT_EQ(Metric("singleflight_upstream_breaker_open{bound=\"calls\"}"), 1);
  EXPECT_EQ(Metric("singleflight_upstream_unanswered_total{reason=\"breaker\"}"), 2);
  proxy_->WaitForLog(HasSubstr("upstream 'backend': the breaker is open: breaker.calls (4)"));
  backend_.Release();
  for (PendingCall& call : within) EXPECT_THAT(call.Wait(), HasCode(absl::StatusCode::kOk));
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  proxy_->WaitForLog(HasSubstr("the breaker is closed: breaker.calls was met 2 times"));
  EXPECT_EQ(Metric("singleflight_upstream_breaker_open{bound=\"calls\"}"), 0);
}

TEST_F(OverloadTest, AReloadChangesTheBreakersBoundsUnderCallsThatRun) {
  Serve({.upstream = "breaker: {calls: 1}"});
  backend_.Hold();
  std::vector<PendingCall> first = StartEach(1, kWrite);
  backend_.WaitForHeld(1);
  Reload({.upstream = "breaker: {calls: 2}"});
  std::vector<PendingCall> second = StartEach(1, kWrite);
  backend_.WaitForHeld(2);
  EXPECT_THAT(Ask(kWrite, "one too many"),
              FailedWith(absl::StatusCode::kUnavailable, HasSubstr("breaker.calls (2)")));
  backend_.Release();
  EXPECT_THAT(first.front().Wait(), HasCode(absl::StatusCode::kOk));
  EXPECT_THAT(second.front().Wait(), HasCode(absl::StatusCode::kOk));
}

TEST_F(OverloadTest, PastItsConcurrencyTheCallThatMostCallersWaitForIsNext) {
  Serve({.upstream = "concurrency: {limit: 1, max_wait: 1m}", .top = "threads: 2"});
  backend_.Hold();
  std::vector<PendingCall> first = StartEach(1, kWrite);
  backend_.WaitForHeld(1);
  PendingCall loner = Start(kWrite, "loner");
  proxy_->WaitForMetric("singleflight_upstream_concurrency_queued", Eq(1));
  std::vector<PendingCall> herd = StartHerd(20);
  proxy_->WaitForMetric("singleflight_upstream_concurrency_queued", Eq(2));
  EXPECT_EQ(Metric("singleflight_upstream_concurrency_limit"), 1);
  EXPECT_EQ(Metric("singleflight_upstream_concurrency_in_flight"), 1);
  // The ranks are told every 5 ms, and an answer to a caller takes its time too.
  proxy_->WaitForMetric("singleflight_upstream_oldest_wait_seconds", Ge(1));
  backend_.ReleaseOne();
  backend_.WaitForHeld(1);
  EXPECT_EQ(backend_.call(1).method, kRead);
  backend_.Release();
  for (const Answer& answer : WaitAll(herd)) EXPECT_THAT(answer, IsOkWith("reply to id-7"));
  EXPECT_THAT(loner.Wait(), IsOkWith("reply to loner"));
  EXPECT_THAT(first.front().Wait(), HasCode(absl::StatusCode::kOk));
}

TEST_F(OverloadTest, WhatGetsNoTurnInTimeIsUnavailableAndSaysWhy) {
  Serve({.upstream = "concurrency: {limit: 2, max_wait: 20ms}", .top = "threads: 2"});
  backend_.Hold();
  std::vector<PendingCall> within = StartEach(2, kWrite);
  backend_.WaitForHeld(2);
  EXPECT_THAT(Ask(kWrite, "one too many"),
              FailedWith(absl::StatusCode::kUnavailable,
                         HasSubstr("upstream 'backend': concurrency (2) calls are in the air")));
  EXPECT_EQ(Metric("singleflight_upstream_overload_refused_total{reason=\"max_wait\"}"), 1);
  EXPECT_EQ(Metric("singleflight_upstream_unanswered_total{reason=\"overload\"}"), 1);
  EXPECT_EQ(Metric("singleflight_upstream_overloaded"), 1);
  proxy_->WaitForLog(HasSubstr("upstream 'backend': overloaded: concurrency (2)"));
  backend_.Release();
  for (PendingCall& call : within) EXPECT_THAT(call.Wait(), HasCode(absl::StatusCode::kOk));
  EXPECT_THAT(Ask(kWrite, "id-7"), IsOkWith("reply to id-7"));
  proxy_->WaitForLog(HasSubstr("upstream 'backend': not overloaded any more: 1 calls"));
}

}  // namespace
}  // namespace singleflight::testing
