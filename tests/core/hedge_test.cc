// Flights of routes with `collapse.hedge`: one call, and perhaps a second.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using Kind = UpstreamFailure::Kind;
using wire::StatusCode;

class HedgeTest : public ReadPathTest {
 protected:
  HedgeTest() { collapse_->hedge = HedgeOptions{absl::Milliseconds(30), 1'000'000}; }

  // A caller whose flight's calls have a stream to the endpoint "a" as soon as they start.
  TestWaiter& AskSent(const std::string& id) {
    upstream_.trip_of_new = [this] {
      UpstreamTrip trip;
      trip.sent = loops_[0].Now();
      trip.endpoint = std::make_shared<const std::string>("a");
      return trip;
    };
    return Ask(id);
  }
  // The same, and the hedge is in the air.
  TestWaiter& AskHedged(const std::string& id = "id-7") {
    TestWaiter& waiter = AskSent(id);
    Advance(30);
    EXPECT_EQ(upstream_.live(), 2);
    return waiter;
  }
  FakeCall& first() { return upstream_.call(upstream_.calls() - 2); }
  FakeCall& hedge() { return upstream_.latest(); }
  uint64_t refused(HedgeRefusal why) { return metrics().hedge_refusals.of(why); }

  void ExpectHedges(uint64_t sent, uint64_t won) {
    EXPECT_EQ(metrics().hedges.value(), sent);
    EXPECT_EQ(metrics().hedges_won.value(), won);
  }
};

TEST_F(HedgeTest, ACallThatBringsNothingIsSentASecondTimeElsewhere) {
  TestWaiter& leader = AskSent("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  Advance(29);
  EXPECT_EQ(upstream_.calls(), 1);
  Advance(1);
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(hedge().sent(), Framed("id-7"));
  EXPECT_TRUE(hedge().finished());
  EXPECT_EQ(*hedge().head().avoid, "a");
  EXPECT_EQ(first().head().avoid, nullptr);
  EXPECT_EQ(hedge().head().previous_attempts, 1);
  EXPECT_EQ(hedge().head().deadline, first().head().deadline);
  Answer("blue kettle");
  EXPECT_THAT(leader.reply(), IsOkWith("blue kettle"));
  EXPECT_THAT(follower.reply(), IsOkWith("blue kettle"));
  EXPECT_TRUE(first().cancelled());
  EXPECT_EQ(first().cancelled_for(), Unanswered::kHedge);
  ExpectHedges(1, 1);
}

TEST_F(HedgeTest, TheFirstMayStillWin) {
  TestWaiter& waiter = AskHedged();
  first().Begin();
  EXPECT_TRUE(hedge().cancelled()) << "the first byte decides";
  EXPECT_EQ(hedge().cancelled_for(), Unanswered::kHedge);
  first().Data(Framed("blue kettle"));
  first().End();
  Settle();
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
  ExpectHedges(1, 0);
}

TEST_F(HedgeTest, AReplyInTimeIsNotHedged) {
  TestWaiter& waiter = AskSent("id-7");
  Advance(29);
  upstream_.latest().Begin();
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
  upstream_.latest().Data(Framed("blue kettle"));
  upstream_.latest().End();
  Settle();
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
}

// PITFALLS 15
TEST_F(HedgeTest, AHerdHasOneHedgeAndNotOnePerCaller) {
  AskSent("id-7");
  for (int i = 0; i < 100; ++i) AskOn(i % 3, "id-7");
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 2);
  Answer("blue kettle");
}

TEST_F(HedgeTest, AHedgeThatFailsLeavesTheFirstAlone) {
  for (const Kind kind :
       {Kind::kLost, Kind::kUnreachable, Kind::kNotStarted, Kind::kReset, Kind::kCallersOwn}) {
    TestWaiter& waiter = AskHedged();
    hedge().Fail(kind);
    Settle();
    EXPECT_EQ(waiter.heard(), 0);
    AnswerCall(upstream_.calls() - 2, "blue kettle");
    EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
  }
  EXPECT_EQ(upstream_.calls(), 10);
  ExpectHedges(5, 0);
}

TEST_F(HedgeTest, AFirstThatFailsLeavesTheHedgeAlone) {
  TestWaiter& waiter = AskHedged();
  first().Fail(Kind::kLost);
  Settle();
  EXPECT_EQ(waiter.heard(), 0);
  Answer("blue kettle");
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(upstream_.calls(), 2);
  ExpectHedges(1, 1);
}

TEST_F(HedgeTest, AStatusThatIsRetriedElsewhereDoesNotWin) {
  TestWaiter& waiter = AskHedged();
  hedge().TrailersOnly(StatusCode::kUnavailable);
  Settle();
  EXPECT_EQ(waiter.heard(), 0);
  AnswerCall(0, "blue kettle");
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
}

TEST_F(HedgeTest, AnyOtherStatusWins) {
  TestWaiter& waiter = AskHedged();
  hedge().TrailersOnly(StatusCode::kNotFound);
  Settle();
  EXPECT_EQ(waiter.reply().status(), StatusCode::kNotFound);
  EXPECT_TRUE(first().cancelled());
}

TEST_F(HedgeTest, AReplyThatIsRefusedHereEndsTheRace) {
  TestWaiter& waiter = AskHedged();
  hedge().Refuse({});
  Settle();
  EXPECT_THAT(waiter.reply(), IsStatus(StatusCode::kInternal, "refused here"));
  EXPECT_TRUE(first().cancelled());
}

TEST_F(HedgeTest, WhenBothFailTheCallersHearOfTheSecondFailure) {
  TestWaiter& waiter = AskHedged();
  hedge().Fail(Kind::kLost);
  first().TrailersOnly(StatusCode::kUnavailable, {{"x-served-by", "a"}});
  Settle();
  EXPECT_EQ(waiter.reply().initial.Find("x-served-by"), "a");
  EXPECT_EQ(upstream_.calls(), 2) << "the hedge was the flight's second call";
}

// PITFALLS 15
TEST_F(HedgeTest, BothLostIsNoReasonForAThirdCall) {
  TestWaiter& waiter = AskHedged();
  first().Fail(Kind::kLost);
  hedge().Fail(Kind::kLost);
  Settle();
  EXPECT_THAT(waiter.reply(), IsStatus(StatusCode::kUnavailable, "catalog"));
  EXPECT_EQ(upstream_.calls(), 2);
}

// PITFALLS 15
TEST_F(HedgeTest, RetriesResendsAndTheHedgeHaveOneBound) {
  retry_.emplace().attempts = 3;
  TestWaiter& waiter = AskHedged();
  first().Fail(Kind::kNotStarted);
  hedge().TrailersOnly(StatusCode::kUnavailable);
  Settle();
  EXPECT_EQ(waiter.heard(), 0);
  Advance(50);
  ASSERT_EQ(upstream_.calls(), 3);
  EXPECT_EQ(upstream_.latest().head().previous_attempts, 2);
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 3) << "a flight has one hedge";
  upstream_.latest().Fail(Kind::kLost);
  Settle();
  EXPECT_EQ(upstream_.calls(), 3);
  EXPECT_THAT(waiter.reply(), IsStatus(StatusCode::kUnavailable, "catalog"));
}

TEST_F(HedgeTest, ACallThatWasSentAgainAlreadyIsNotHedged) {
  AskSent("id-7");
  upstream_.latest().Fail(Kind::kLost);
  Advance(30);
  EXPECT_EQ(refused(HedgeRefusal::kAttempts), 1);
  upstream_.latest().Take(1);
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(refused(HedgeRefusal::kAttempts), 1) << "it is asked for once";
  Answer("blue kettle");
}

TEST_F(HedgeTest, AFlightThatIsAbandonedCancelsBoth) {
  Leave(AskHedged());
  Settle();
  EXPECT_TRUE(first().cancelled());
  EXPECT_TRUE(hedge().cancelled());
  EXPECT_EQ(hedge().cancelled_for(), Unanswered::kCancelled);
}

TEST_F(HedgeTest, AFlightThatFinishesWithoutCallersIsHedgedToo) {
  collapse_->on_abandon = OnAbandon::kComplete;
  Leave(AskSent("id-7"));
  Advance(30);
  EXPECT_EQ(upstream_.calls(), 2) << "newcomers may join it";
  Answer("blue kettle");
}

TEST_F(HedgeTest, FlightTimeoutEndsBoth) {
  TestWaiter& waiter = AskHedged();
  Advance(15'000);
  EXPECT_THAT(waiter.reply(), IsStatus(StatusCode::kDeadlineExceeded, "flight_timeout"));
  EXPECT_EQ(first().cancelled_for(), Unanswered::kFlightTimeout);
  EXPECT_EQ(hedge().cancelled_for(), Unanswered::kFlightTimeout);
}

TEST_F(HedgeTest, ACallThatWaitsForAConnectionIsHedgedOnlyOnceItIsSent) {
  Ask("id-7");
  EXPECT_EQ(loops_[0].timers().size(), 1) << "flight_timeout's alone";
  Advance(100);
  EXPECT_EQ(upstream_.calls(), 1);
  upstream_.latest().trip().sent = loops_[0].Now();
  upstream_.latest().Take(2);
  Advance(10);
  upstream_.latest().Take(2);
  Advance(19);
  EXPECT_EQ(upstream_.calls(), 1);
  Advance(1);
  EXPECT_EQ(upstream_.calls(), 2);
  Answer("blue kettle");
}

TEST_F(HedgeTest, AReplyThatBeganBeforeItsRequestLeftIsNotHedged) {
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().trip().sent = loops_[0].Now();
  upstream_.latest().Begin();
  upstream_.latest().Take(1);
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
  upstream_.latest().Data(Framed("blue kettle"));
  upstream_.latest().End();
  Settle();
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
}

TEST_F(HedgeTest, TheBudgetBoundsTheHedges) {
  collapse_->hedge->budget = 50'000;
  for (int i = 0; i < 1000; ++i) {
    AskSent("id-" + std::to_string(i));
    Advance(30);
    Answer("blue kettle");
  }
  EXPECT_LE(metrics().hedges.value(), 50);
  EXPECT_GE(metrics().hedges.value(), 45);
  EXPECT_EQ(upstream_.calls(), 1000 + metrics().hedges.value());
  EXPECT_EQ(refused(HedgeRefusal::kBudget), 1000 - metrics().hedges.value());
}

TEST_F(HedgeTest, P95IsLearnedAndUntilThenNothingIsHedged) {
  collapse_->hedge->after = absl::nullopt;
  const auto ask = [&](int i, int ms) {
    AskSent("id-" + std::to_string(i));
    Advance(ms);
    Answer("blue kettle");
  };
  for (int i = 0; i < 63; ++i) ask(i, i % 10 == 0 ? 200 : 10);
  AskSent("slow");
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 64);
  Answer("blue kettle");
  EXPECT_EQ(refused(HedgeRefusal::kSamples), 64);
  AskSent("id-7");
  Advance(199);
  EXPECT_EQ(upstream_.calls(), 65);
  Advance(1);
  EXPECT_EQ(upstream_.calls(), 66);
  Answer("blue kettle");
}

TEST_F(HedgeTest, AFlightThatBeginsBeforeP95IsKnownIsCountedOnce) {
  collapse_->hedge->after = absl::nullopt;
  AskSent("id-7");
  upstream_.latest().Fail(Kind::kLost);
  Settle();
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(refused(HedgeRefusal::kSamples), 1);
  Answer("blue kettle");
}

TEST_F(HedgeTest, AHedgeThatWinsDoesNotHideThatTheFirstWasSlow) {
  for (size_t i = 0; i < RecentLatency::kSamples; ++i) {
    AskSent("id-" + std::to_string(i));
    Advance(5);
    Answer("blue kettle");
  }
  for (int i = 0; i < 32; ++i) {
    AskHedged("slow-" + std::to_string(i));
    Answer("blue kettle");
  }
  EXPECT_EQ(route().latency.p95(), absl::Milliseconds(30));
}

TEST_F(HedgeTest, AReplyThatStreamsIsTakenOverFromTheWinner) {
  TestWaiter& leader = AskHedged();
  TestWaiter& follower = AskOn(1, "id-7");
  hedge().Begin();
  hedge().Data(Framed("one") + Framed("two"));
  Settle();
  ASSERT_TRUE(leader.took_over());
  EXPECT_TRUE(follower.released());
  hedge().Data(Framed("three"));
  hedge().End();
  EXPECT_EQ(leader.tail(), Framed("three"));
  EXPECT_TRUE(leader.tail_ended());
}

TEST_F(HedgeTest, WhatAnyClientWantsIsNobodysShareOnEitherLeg) {
  client_ = std::make_shared<memory::Client>();
  AskHedged();
  client_ = std::make_shared<memory::Client>();
  Ask("id-7");
  Settle();
  EXPECT_TRUE(first().disowned());
  EXPECT_TRUE(hedge().disowned());
  Answer("blue kettle");
}

TEST_F(HedgeTest, ARouteWithoutHedgeHasOneCall) {
  collapse_->hedge.reset();
  AskSent("id-7");
  Advance(10'000);
  EXPECT_EQ(upstream_.calls(), 1);
  Answer("blue kettle");
}

}  // namespace
}  // namespace singleflight::core
