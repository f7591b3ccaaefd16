// Who gets a slot when more calls come than may be in the air, through pools of several workers.

#include "server/upstream/pool_concurrency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::HasSubstr;

ConcurrencyOptions Fixed(uint32_t limit, absl::Duration max_wait = absl::Milliseconds(100)) {
  ConcurrencyOptions options;
  options.limit = limit;
  options.max_wait = max_wait;
  return options;
}

// Two pools before one server that answers nobody by itself.
class ConcurrencyTest : public PoolTest {
 protected:
  ~ConcurrencyTest() override {
    Run([this] {
      callers_.clear();
      other_.reset();
    });
  }

  ScriptedServer& ServeWith(const ConcurrencyOptions& options) {
    options_.concurrency = options;
    slots_ = std::make_shared<Concurrency>(options);
    limits_.concurrency = slots_;
    ScriptedServer& server = Serve();
    MakePool({server.endpoint()});
    other_ = std::move(pool_);
    MakePool({server.endpoint()});
    return server;
  }

  Caller& AskOther(const std::string& message = "ask") {
    std::swap(pool_, other_);
    Caller& caller = Ask(message);
    std::swap(pool_, other_);
    return caller;
  }

  using Kind = core::UpstreamFailure::Kind;

  void ExpectRefused(Caller& caller, const std::string& why, Kind kind = Kind::kNoRoom) {
    Await(caller);
    ASSERT_TRUE(caller.failure.has_value());
    EXPECT_EQ(caller.failure->kind, kind);
    EXPECT_EQ(caller.failure->status, wire::StatusCode::kUnavailable);
    EXPECT_THAT(caller.failure->message, HasSubstr(why));
  }

  std::shared_ptr<Concurrency> slots_;
  std::unique_ptr<Pool> other_;
};

TEST_F(ConcurrencyTest, ASlotThatOneWorkerGivesBackServesACallOfAnother) {
  ScriptedServer& server = ServeWith(Fixed(1, absl::Hours(1)));
  Ask();
  Caller& waits = AskOther("waits");
  Until([&] { return server.calls() == 1 && server.call(0).ended; });
  EXPECT_EQ(metrics_.pending.value(), 1);
  EXPECT_EQ(slots_->queued(), 1);
  Run([&] { Echo(server.call(0)); });
  Until([&] { return server.calls() == 2 && server.call(1).ended; });
  Run([&] { Echo(server.call(1)); });
  Await(waits);
  EXPECT_EQ(waits.body, "waits");
  EXPECT_EQ(slots_->in_flight(), 0);
}

TEST_F(ConcurrencyTest, TheCallThatMostCallersWaitForIsNext) {
  ScriptedServer& server = ServeWith(Fixed(1, absl::Hours(1)));
  Ask();
  Ask("loner");
  Caller& herd = AskOther("herd");
  herd.wants = 7;
  Until([&] { return server.calls() == 1 && server.call(0).ended; });
  // Ranks are told every few milliseconds: after the second look at the clock they have been.
  const base::Instant then = base::After(Now(), 2 * PoolConcurrency::kRankEvery);
  Until([&] { return on_.worker().Now() > then; });
  Run([&] { Echo(server.call(0)); });
  Until([&] { return server.calls() == 2 && server.call(1).ended; });
  EXPECT_EQ(server.call(1).body, "herd");
}

TEST_F(ConcurrencyTest, AWaitEndsAtMaxWait) {
  ServeWith(Fixed(1, absl::Milliseconds(20)));
  Ask();
  ExpectRefused(AskOther(),
                "upstream 'catalog': concurrency (1) calls are in the air, and none "
                "ended for this one within max_wait (20ms)");
  EXPECT_EQ(Unanswered(core::Unanswered::kOverload), 1u);
  EXPECT_EQ(metrics_.overload_refused.of(OverloadRefusal::kMaxWait), 1u);
  EXPECT_TRUE(slots_->alarm().open());
}

TEST_F(ConcurrencyTest, EveryEndGivesTheSlotBackAndEveryLeaverItsPlace) {
  ScriptedServer& server = ServeWith(Fixed(1, absl::Hours(1)));
  Caller& cancelled = Ask();
  Caller& leaves = Ask();
  Caller& reset = AskOther();
  Until([&] { return server.calls() == 1; });
  Run([&] {
    leaves.call.reset();
    cancelled.call.reset();
  });
  Until([&] { return server.calls() == 2; });
  Run([&] { server.call(1).stream->Reset(http2::ErrorCode::kInternalError); });
  Await(reset);
  EXPECT_EQ(slots_->in_flight(), 0);
  EXPECT_EQ(slots_->queued(), 0);
}

TEST_F(ConcurrencyTest, ACallThatEndsWhileItsSlotIsOnItsWayGivesItBack) {
  ScriptedServer& server = ServeWith(Fixed(1, absl::Hours(1)));
  Caller& first = Ask();
  Caller& second = Ask();
  Until([&] { return server.calls() == 1; });
  Run([&] {
    first.call.reset();   // posts the slot to the second,
    second.call.reset();  // which has left when it comes
  });
  Run([] {});
  EXPECT_EQ(slots_->in_flight(), 0);
  EXPECT_EQ(server.calls(), 1u);
}

TEST_F(ConcurrencyTest, AStreamThatHasShownThatItIsOneCountsNoMore) {
  ScriptedServer& server = ServeWith(Fixed(2, absl::Hours(1)));
  Ask();    // answers, and does not end
  Ask("");  // its request stays open
  Caller& waits = AskOther();
  Until([&] { return server.calls() == 2 && server.call(0).ended; });
  Run([&] { server.call(0).stream->SendHeaders(Block(ReplyFields()), false); });
  Until([&] { return server.calls() == 3 && server.call(2).ended; });
  Until([&] { return slots_->in_flight() == 1; });
  Run([&] { Echo(server.call(2)); });
  Await(waits);
  EXPECT_EQ(slots_->in_flight(), 0);
}

TEST_F(ConcurrencyTest, ASlowUnaryCallKeepsItsSlot) {
  ScriptedServer& server = ServeWith(Fixed(2, absl::Hours(1)));
  Ask();
  Ask("");  // counts no more at the time when the slow one would not either
  Until([&] { return slots_->in_flight() == 1; });
  EXPECT_EQ(server.calls(), 2u);
}

TEST_F(ConcurrencyTest, AnEndpointThatHangsLeavesHalfOfTheSlotsToOthers) {
  slots_ = std::make_shared<Concurrency>(Fixed(4, absl::Hours(1)));
  limits_.concurrency = slots_;
  ExpectTheRestIsAnswered();
}

TEST_F(ConcurrencyTest, WhatWaitsIsBoundedByMaxPendingCalls) {
  options_.max_pending_calls = 1;
  ScriptedServer& server = ServeWith(Fixed(1, absl::Hours(1)));
  Ask();
  Until([&] { return server.calls() == 1; });  // it waits for no connection any more
  Ask();
  Caller& refused = Ask();
  Await(refused);
  EXPECT_THAT(refused.failure->message, HasSubstr("max_pending_calls (1)"));
}

TEST_F(ConcurrencyTest, OfWhatMayWaitTheLastQuarterIsForOtherClients) {
  options_.max_pending_calls = 8;
  ScriptedServer& server = ServeWith(Fixed(1, absl::Hours(1)));
  Ask();
  Until([&] { return server.calls() == 1; });
  client_ = std::make_shared<memory::Client>();
  Caller& shared = Ask();
  for (int i = 0; i < 5; ++i) Ask();
  Caller& refused = Ask();
  Await(refused);
  EXPECT_EQ(refused.failure->kind, Kind::kCallersOwn);
  EXPECT_EQ(refused.failure->status, wire::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.failure->message, HasSubstr("more than half of max_pending_calls (8)"));
  EXPECT_EQ(Unanswered(core::Unanswered::kClientShare), 1u);
  Run([&] { shared.call->Disown(); });
  client_ = std::make_shared<memory::Client>();
  for (int i = 0; i < 2; ++i) Ask();
  EXPECT_EQ(metrics_.pending.value(), 8);
  EXPECT_EQ(slots_->queued(), 8);
}

TEST_F(ConcurrencyTest, WhatWaitsIsBoundedByTheBreakersPending) {
  limits_.breaker = std::make_shared<Breaker>(BreakerOptions{absl::nullopt, 1, absl::nullopt});
  ScriptedServer& server = ServeWith(Fixed(1, absl::Hours(1)));
  Ask();
  Until([&] { return server.calls() == 1; });
  AskOther();
  ExpectRefused(Ask(), "breaker.pending (1)");
  EXPECT_EQ(slots_->queued(), 1);
}

TEST_F(ConcurrencyTest, ACallThatTheBreakerRefusesDrivesOutNoOther) {
  limits_.breaker = std::make_shared<Breaker>(BreakerOptions{absl::nullopt, 1, absl::nullopt});
  ScriptedServer& server = ServeWith(Fixed(1, absl::Minutes(1)));
  slots_->TryEnter(nullptr)->GiveBack(absl::Hours(1));  // no more than one is served in time
  Ask();
  Until([&] { return server.calls() == 1; });
  Caller& waits = AskOther();
  ExpectRefused(Ask(), "breaker.pending (1)");
  EXPECT_FALSE(waits.Over());
  EXPECT_EQ(slots_->queued(), 1);
}

TEST_F(ConcurrencyTest, AClientWhoseCallsAreSilentLeavesSlotsToOthers) {
  ScriptedServer& server = ServeWith(Fixed(4, absl::Hours(1)));
  client_ = std::make_shared<memory::Client>();
  for (int i = 0; i < 100; ++i) Ask("silent");
  client_ = std::make_shared<memory::Client>();
  Caller& others = AskOther("others");
  Until([&] { return server.calls() == 4 && server.call(3).ended; });
  Run([&] { Echo(server.call(3)); });
  Await(others);
  EXPECT_EQ(others.body, "others");
}

TEST_F(ConcurrencyTest, ShutdownEndsWaits) {
  ServeWith(Fixed(1, absl::Hours(1)));
  Ask();
  Caller& waits = Ask();
  Run([&] { pool_->Shutdown(); });
  ExpectRefused(waits, "shutting down", Kind::kUnreachable);
}

TEST_F(ConcurrencyTest, ACallThatIsSilentDoesNotKeepAnAdaptiveLimitAtItsMinimum) {
  ConcurrencyOptions options;
  options.adaptive = true;
  options.min = options.max = 1;
  options.max_wait = absl::Hours(1);
  ScriptedServer& server = ServeWith(options);
  options.max = 10;
  slots_->SetOptions(options);
  Ask();
  Until([&] { return server.calls() == 1; });
  AskOther();
  Until([&] { return server.calls() == 2; });
}

TEST_F(ConcurrencyTest, AnAdaptiveLimitIsMeasuredByWhatIsAnswered) {
  ConcurrencyOptions options;
  options.adaptive = true;
  options.min = 1;
  ScriptedServer& server = ServeWith(options);
  server.serve = Echo;
  EXPECT_EQ(slots_->limit(), GradientLimit::kFirst);
  Until([&] {
    for (int i = 0; i < 20; ++i) Begin("ask", 3);
    return slots_->limit() > GradientLimit::kFirst;
  });
  for (const auto& caller : callers_) Await(*caller);
}

}  // namespace
}  // namespace singleflight::upstream::testing
