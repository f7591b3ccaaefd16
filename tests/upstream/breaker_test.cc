// Bounds of an upstream that several workers share. Each has a pool of its own.

#include "server/upstream/breaker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/fakes.h"
#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::HasSubstr;

constexpr absl::nullopt_t kNoBound = absl::nullopt;

BreakerOptions Calls(uint64_t most) { return {most, kNoBound, kNoBound}; }
BreakerOptions Pending(uint64_t most) { return {kNoBound, most, kNoBound}; }
BreakerOptions Connections(uint64_t most) { return {kNoBound, kNoBound, most}; }

// Two pools before one server that answers nobody by itself.
class BreakerTest : public PoolTest {
 protected:
  ~BreakerTest() override {
    Run([this] {
      callers_.clear();
      other_.reset();
    });
  }

  ScriptedServer& ServeWithin(const BreakerOptions& bounds, uint32_t streams = 100) {
    breaker_ = std::make_shared<Breaker>(bounds);
    limits_.breaker = breaker_;
    http2::SessionOptions options;
    options.max_concurrent_streams = streams;
    ScriptedServer& server = Serve(options);
    MakePool({server.endpoint()});
    other_ = std::move(pool_);
    MakePool({server.endpoint()});
    return server;
  }

  Caller& AskOther() {
    std::swap(pool_, other_);
    Caller& caller = Ask();
    std::swap(pool_, other_);
    return caller;
  }

  void ExpectRefused(Caller& caller, const std::string& bound) {
    Await(caller);
    ASSERT_TRUE(caller.failure.has_value());
    EXPECT_EQ(caller.failure->kind, core::UpstreamFailure::Kind::kNoRoom);
    EXPECT_EQ(caller.failure->status, wire::StatusCode::kUnavailable);
    EXPECT_THAT(caller.failure->message, HasSubstr("upstream 'catalog': " + bound));
  }

  std::shared_ptr<Breaker> breaker_;
  std::unique_ptr<Pool> other_;
};

TEST_F(BreakerTest, PastCallsOfAllWorkersACallFailsImmediately) {
  ScriptedServer& server = ServeWithin(Calls(3));
  Caller& first = Ask();
  AskOther();
  AskOther();
  ExpectRefused(Ask(), "breaker.calls (3)");
  ExpectRefused(AskOther(), "breaker.calls (3)");
  EXPECT_EQ(Unanswered(core::Unanswered::kBreaker), 2u);
  EXPECT_EQ(metrics_.breaker_refused.of(BreakerBound::kCalls), 2u);
  Until([&] { return server.calls() == 3 && server.call(0).ended; });
  Run([&] { Echo(server.call(0)); });
  Await(first);
  AskOther();
  Until([&] { return server.calls() == 4; });
}

TEST_F(BreakerTest, EveryEndOfACallGivesItsPlaceBack) {
  ScriptedServer& server = ServeWithin(Calls(4));
  Caller& cancelled = Ask();
  Until([&] { return server.calls() == 1; });
  Run([&] { cancelled.call.reset(); });
  Caller& reset = Ask();
  Until([&] { return server.calls() == 2; });
  Run([&] { server.call(1).stream->Reset(http2::ErrorCode::kInternalError); });
  Await(reset);
  Caller& answered = Ask();
  Until([&] { return server.calls() == 3 && server.call(2).ended; });
  Run([&] { Echo(server.call(2)); });
  Await(answered);
  Run([&] { server.Stop(); });
  Await(Ask());
  EXPECT_EQ(breaker_->used(BreakerBound::kCalls), 0);
  EXPECT_EQ(breaker_->used(BreakerBound::kPending), 0);
}

TEST_F(BreakerTest, AnEndpointThatHangsLeavesHalfOfTheCallsToOthers) {
  limits_.breaker = std::make_shared<Breaker>(Calls(4));
  ExpectTheRestIsAnswered();
}

TEST_F(BreakerTest, PastPendingOfAllWorkersNoFurtherCallWaits) {
  options_.max_connections_per_endpoint = 1;
  ScriptedServer& server = ServeWithin(Pending(2), 1);
  Ask();
  AskOther();
  Until([&] { return server.calls() == 2; });
  Caller& waits = Ask();
  AskOther();
  ExpectRefused(Ask(), "breaker.pending (2)");
  ExpectRefused(AskOther(), "breaker.pending (2)");
  Run([&] { waits.call.reset(); });
  EXPECT_EQ(breaker_->used(BreakerBound::kPending), 1);
  AskOther();
  EXPECT_EQ(breaker_->used(BreakerBound::kPending), 2);
  EXPECT_EQ(metrics_.breaker_refused.of(BreakerBound::kPending), 2u);
}

TEST_F(BreakerTest, ACallThatBecomesNobodysKeepsItsPlaceAmongThePending) {
  options_.max_connections_per_endpoint = 1;
  ScriptedServer& server = ServeWithin(Pending(1), 1);
  Ask();
  Until([&] { return server.calls() == 1; });
  client_ = std::make_shared<memory::Client>();
  Caller& waits = Ask();
  Run([&] { waits.call->Disown(); });
  EXPECT_EQ(breaker_->used(BreakerBound::kPending), 1);
  ExpectRefused(Ask(), "breaker.pending (1)");
}

TEST_F(BreakerTest, ACallThatIsSentAgainGoesThroughIt) {
  options_.max_connections_per_endpoint = 1;
  ScriptedServer& server = ServeWithin(Pending(1), 2);
  Caller& again = Ask();
  Until([&] { return server.calls() == 1; });
  // The connection takes no more calls, so that this one waits for another.
  Run([&] {
    server.CloseListener();
    server.session(0).BeginShutdown();
  });
  Caller& waits = Ask();
  Run([&] { server.call(0).stream->Reset(http2::ErrorCode::kRefusedStream); });
  Await(again);
  Await(waits);
  EXPECT_EQ(breaker_->used(BreakerBound::kCalls), 0);
  EXPECT_EQ(breaker_->used(BreakerBound::kPending), 0);
}

TEST_F(BreakerTest, PastItsShareAClientIsRefusedAndOthersAreNot) {
  ScriptedServer& server = ServeWithin(Calls(8));
  const auto greedy = std::make_shared<memory::Client>();
  client_ = greedy;
  for (int i = 0; i < 3; ++i) Ask();
  for (int i = 0; i < 3; ++i) AskOther();
  Caller& refused = AskOther();
  Await(refused);
  EXPECT_EQ(refused.failure->kind, core::UpstreamFailure::Kind::kCallersOwn);
  EXPECT_EQ(refused.failure->status, wire::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.failure->message,
            "upstream 'catalog': more than half of breaker.calls (8) are this client's; what is "
            "left is for others");
  EXPECT_EQ(Unanswered(core::Unanswered::kClientShare), 1u);
  EXPECT_EQ(metrics_.breaker_refused.of(BreakerBound::kCalls), 0u);
  client_ = std::make_shared<memory::Client>();
  Ask();
  Ask();
  Until([&] { return server.calls() == 8; });
  ExpectRefused(Ask(), "breaker.calls (8)");
}

TEST_F(BreakerTest, WhatAClientsCallsGiveBackItMayTakeAgain) {
  ScriptedServer& server = ServeWithin(Calls(4));
  client_ = std::make_shared<memory::Client>();
  for (size_t i = 0; i < 4; ++i) {
    const Caller& one = Ask();
    Caller& two = Ask();
    Caller& three = Ask();
    Until([&] { return server.calls() == 3 * (i + 1) && server.call(3 * i).ended; });
    Run([&] {
      Echo(server.call(3 * i));
      two.call->Disown();
      two.call.reset();
      three.call.reset();
    });
    Until([&] { return one.Over(); });
  }
  EXPECT_EQ(Unanswered(core::Unanswered::kClientShare), 0u);
  EXPECT_EQ(breaker_->used(BreakerBound::kCalls), 0);
}

TEST_F(BreakerTest, OfWhatWaitsTheLastQuarterIsForOtherClients) {
  options_.max_connections_per_endpoint = 1;
  ScriptedServer& server = ServeWithin(Pending(8), 1);
  Ask();
  Until([&] { return server.calls() == 1; });
  client_ = std::make_shared<memory::Client>();
  for (int i = 0; i < 6; ++i) Ask();
  Caller& refused = Ask();
  Await(refused);
  EXPECT_THAT(refused.failure->message, HasSubstr("more than half of breaker.pending (8)"));
  Run([&] {
    for (size_t i = 1; i <= 3; ++i) callers_[i]->call->Disown();
  });
  Ask();
  EXPECT_EQ(breaker_->used(BreakerBound::kPending), 7);
  EXPECT_EQ(Unanswered(core::Unanswered::kClientShare), 1u) << "three of its six are nobody's now";
}

TEST_F(BreakerTest, PastConnectionsCallsWaitForTheStreamsThatThereAre) {
  ScriptedServer& server = ServeWithin(Connections(2), 1);
  Ask();
  AskOther();
  Until([&] { return server.calls() == 2; });
  Caller& waits = Ask();
  Run([] {});
  EXPECT_FALSE(waits.Over());
  EXPECT_EQ(server.accepted(), 2);
  EXPECT_EQ(metrics_.breaker_refused.of(BreakerBound::kConnections), 1u);
  Until([&] { return server.call(0).ended; });
  Run([&] { Echo(server.call(0)); });
  Until([&] { return server.calls() == 3; });
  EXPECT_EQ(server.accepted(), 2);
}

TEST_F(BreakerTest, AWorkerWithoutAConnectionMakesOneBeyondTheBound) {
  ScriptedServer& server = ServeWithin(Connections(1));
  Ask();
  AskOther();
  Until([&] { return server.calls() == 2; });
  EXPECT_EQ(server.accepted(), 2);
  EXPECT_EQ(breaker_->used(BreakerBound::kConnections), 2);
}

TEST_F(BreakerTest, AConnectionThatEndsMakesRoomForAnotherWorkers) {
  ScriptedServer& server = ServeWithin(Connections(2), 1);
  Ask();
  Caller& others = AskOther();
  Until([&] { return server.calls() == 2; });
  Ask();
  EXPECT_EQ(breaker_->used(BreakerBound::kConnections), 2);
  Run([&] {
    others.call.reset();
    other_->Retire();
  });
  Until([&] { return server.calls() == 3; });
  EXPECT_EQ(server.accepted(), 3);
}

TEST_F(BreakerTest, CallsThatWaitedBeforeTheBoundWasMetGetAConnectionToo) {
  ScriptedServer& server = ServeWithin(Connections(2), 1);
  Caller& others = AskOther();
  Until([&] { return server.calls() == 1; });
  Run([&] {
    Begin("ask", 3);
    Begin("ask", 3);  // a connection is being made, so it wants none of its own yet
  });
  Until([&] { return server.calls() == 2; });
  Run([&] {
    others.call.reset();
    other_->Retire();
  });
  Until([&] { return server.calls() == 3; });
}

TEST(BoundTest, IsOpenFromItsFirstRefusalUntilAQuietWhile) {
  core::FakeLoop loop(0);
  PoolBreaker::Refusals refusals;
  const auto shared = std::make_shared<Breaker>(Calls(1));
  PoolBreaker breaker(shared, "catalog", loop, refusals);
  EXPECT_EQ(breaker.Take(BreakerBound::kCalls, nullptr), Taken::kYes);
  EXPECT_EQ(breaker.Take(BreakerBound::kCalls, nullptr), Taken::kMet);
  EXPECT_EQ(breaker.Refuse(BreakerBound::kCalls), "breaker.calls (1) calls are under way");
  EXPECT_TRUE(shared->alarm(BreakerBound::kCalls).open());
  loop.AdvanceTo(base::After(loop.Now(), absl::Seconds(4)));
  breaker.Refuse(BreakerBound::kCalls);
  loop.AdvanceTo(base::After(loop.Now(), absl::Seconds(4)));
  EXPECT_TRUE(shared->alarm(BreakerBound::kCalls).open());
  loop.AdvanceTo(base::After(loop.Now(), absl::Seconds(2)));
  EXPECT_FALSE(shared->alarm(BreakerBound::kCalls).open());
  breaker.Refuse(BreakerBound::kCalls);
  EXPECT_TRUE(shared->alarm(BreakerBound::kCalls).open());
  EXPECT_EQ(refusals.of(BreakerBound::kCalls), 3u);
}

TEST(BoundTest, OneThatNobodyWatchesAnyMoreIsClosed) {
  core::FakeLoop loop(0);
  PoolBreaker::Refusals refusals;
  const auto shared = std::make_shared<Breaker>(Pending(1));
  {
    PoolBreaker breaker(shared, "catalog", loop, refusals);
    breaker.Refuse(BreakerBound::kPending);
    EXPECT_TRUE(shared->alarm(BreakerBound::kPending).open());
  }
  EXPECT_FALSE(shared->alarm(BreakerBound::kPending).open());
}

TEST(BoundTest, NewBoundsHoldFromNowOn) {
  Breaker breaker(Calls(1));
  EXPECT_EQ(breaker.Take(BreakerBound::kCalls, nullptr), Taken::kYes);
  EXPECT_EQ(breaker.Take(BreakerBound::kCalls, nullptr), Taken::kMet);
  breaker.SetBounds(Calls(2));
  EXPECT_EQ(breaker.Take(BreakerBound::kCalls, nullptr), Taken::kYes);
  breaker.SetBounds({});
  EXPECT_EQ(breaker.Take(BreakerBound::kCalls, nullptr), Taken::kYes);
  EXPECT_EQ(breaker.used(BreakerBound::kCalls), 3);
}

}  // namespace
}  // namespace singleflight::upstream::testing
