// Flights of routes with `retry`.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using Kind = UpstreamFailure::Kind;
using wire::StatusCode;

// Without a source of jitter each wait is as long as it may be: 50 ms, 100 ms, …
class RetryTest : public ReadPathTest {
 protected:
  RetryTest() { retry_.emplace().attempts = 3; }

  void FailWith(StatusCode code, const Fields& more = {}) {
    upstream_.latest().TrailersOnly(code, more);
    Settle();
  }
  void Lose(Kind kind = Kind::kLost) {
    upstream_.latest().Fail(kind);
    Settle();
  }
  uint64_t refused(RetryRefusal why) { return metrics().retry_refusals.of(why); }
};

// PITFALLS 15
TEST_F(RetryTest, AStatusThatTheRouteNamesIsRetriedOnceForTheWholeHerd) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  FailWith(StatusCode::kUnavailable);
  EXPECT_EQ(upstream_.calls(), 1) << "the backoff is to come";
  Advance(50);
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(upstream_.latest().sent(), Framed("id-7"));
  EXPECT_EQ(upstream_.latest().head().previous_attempts, 1);
  EXPECT_TRUE(upstream_.latest().head().again);
  Answer("blue kettle");
  EXPECT_THAT(leader.reply(), IsOkWith("blue kettle"));
  EXPECT_THAT(follower.reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(metrics().retries.value(), 1);
}

TEST_F(RetryTest, AnotherStatusGoesToTheCallersAsItIs) {
  TestWaiter& waiter = Ask("id-7");
  FailWith(StatusCode::kNotFound);
  EXPECT_EQ(waiter.reply().status(), StatusCode::kNotFound);
  EXPECT_EQ(metrics().retry_refusals.sum(), 0);
}

TEST_F(RetryTest, WhatABoundOfTheUpstreamRefusesIsNotSentAgain) {
  TestWaiter& waiter = Ask("id-7");
  Lose(Kind::kNoRoom);
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(waiter.reply().status(), StatusCode::kUnavailable);
}

TEST_F(RetryTest, TheBackoffDoublesAndTheAttemptsEnd) {
  TestWaiter& waiter = Ask("id-7");
  FailWith(StatusCode::kUnavailable);
  Advance(49);
  EXPECT_EQ(upstream_.calls(), 1);
  Advance(1);
  EXPECT_EQ(upstream_.calls(), 2);
  FailWith(StatusCode::kUnavailable);
  Advance(99);
  EXPECT_EQ(upstream_.calls(), 2);
  Advance(1);
  EXPECT_EQ(upstream_.calls(), 3);
  FailWith(StatusCode::kUnavailable, {{"x-served-by", "c"}});
  EXPECT_EQ(waiter.reply().status(), StatusCode::kUnavailable);
  EXPECT_EQ(waiter.reply().initial.Find("x-served-by"), "c") << "it is the backend's own reply";
  EXPECT_EQ(refused(RetryRefusal::kAttempts), 1);
}

TEST_F(RetryTest, JitterShortensTheBackoffAndNeverLengthensIt) {
  std::minstd_rand random(1);
  random_ = &random;
  Ask("id-7");
  FailWith(StatusCode::kUnavailable);
  Advance(50);
  EXPECT_EQ(upstream_.calls(), 2);
  Answer("blue kettle");
}

TEST_F(RetryTest, MaxBackoffEndsTheDoubling) {
  retry_->max_backoff = absl::Milliseconds(60);
  Ask("id-7");
  FailWith(StatusCode::kUnavailable);
  Advance(50);
  FailWith(StatusCode::kUnavailable);
  Advance(60);
  EXPECT_EQ(upstream_.calls(), 3);
  Answer("blue kettle");
}

TEST_F(RetryTest, ALostCallIsRetriedByTheSameRules) {
  TestWaiter& waiter = Ask("id-7");
  Lose();
  EXPECT_EQ(upstream_.calls(), 1);
  Advance(50);
  EXPECT_EQ(upstream_.calls(), 2);
  Lose(Kind::kUnreachable);
  Advance(100);
  Answer("blue kettle");
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(metrics().retries.value(), 2);
}

TEST_F(RetryTest, AResetIsRetriedIfTheRouteNamesItsStatus) {
  retry_->codes = {StatusCode::kInternal};
  Ask("id-7");
  upstream_.latest().Fail(Kind::kReset, StatusCode::kInternal);
  Advance(50);
  EXPECT_EQ(upstream_.calls(), 2);
  upstream_.latest().Fail(Kind::kReset, StatusCode::kCancelled);
  EXPECT_EQ(upstream_.calls(), 2);
}

TEST_F(RetryTest, ALostCallIsSentAgainAtOnceWhereCodesDoNotNameIt) {
  retry_->codes = {StatusCode::kResourceExhausted};
  TestWaiter& waiter = Ask("id-7");
  Lose();
  ASSERT_EQ(upstream_.calls(), 2);
  Answer("blue kettle");
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(metrics().retries.value(), 0);
}

// PITFALLS 26
TEST_F(RetryTest, WhatCertainlyDidNotStartIsSentAgainAtOnceAndCostsNoBudget) {
  retry_->attempts = 5;
  Ask("id-7");
  for (int i = 0; i < 4; ++i) Lose(Kind::kNotStarted);
  ASSERT_EQ(upstream_.calls(), 5);
  EXPECT_EQ(upstream_.latest().head().previous_attempts, 0);
  EXPECT_EQ(metrics().retries.value(), 0);
  Answer("blue kettle");
}

// PITFALLS 15
TEST_F(RetryTest, ResendsAndRetriesOfAFlightHaveOneBound) {
  TestWaiter& waiter = Ask("id-7");
  Lose(Kind::kNotStarted);
  EXPECT_EQ(upstream_.calls(), 2);
  FailWith(StatusCode::kUnavailable);
  Advance(50);
  EXPECT_EQ(upstream_.calls(), 3);
  Lose(Kind::kNotStarted);
  EXPECT_EQ(upstream_.calls(), 3);
  EXPECT_EQ(waiter.reply().status(), StatusCode::kUnavailable);
}

TEST_F(RetryTest, PushbackSaysHowLongToWait) {
  Ask("id-7");
  FailWith(StatusCode::kUnavailable, {{"grpc-retry-pushback-ms", "700"}});
  Advance(699);
  EXPECT_EQ(upstream_.calls(), 1);
  Advance(1);
  EXPECT_EQ(upstream_.calls(), 2);
  FailWith(StatusCode::kUnavailable);
  Advance(50);
  EXPECT_EQ(upstream_.calls(), 3) << "the backoff begins anew behind a pushback";
  Answer("blue kettle");
}

TEST_F(RetryTest, PushbackThatIsNegativeOrMalformedForbids) {
  int n = 0;
  for (const char* value : {"-1", "soon", "", "1.5", "99999999999999", "+5"}) {
    TestWaiter& waiter = Ask(std::string("id-") + value);
    FailWith(StatusCode::kUnavailable, {{"grpc-retry-pushback-ms", value}});
    EXPECT_EQ(waiter.heard(), 1) << value;
    EXPECT_EQ(refused(RetryRefusal::kPushback), ++n) << value;
  }
  Ask("two");
  FailWith(StatusCode::kUnavailable,
           {{"grpc-retry-pushback-ms", "1"}, {"grpc-retry-pushback-ms", "2"}});
  EXPECT_EQ(refused(RetryRefusal::kPushback), ++n);
}

// PITFALLS 15
TEST_F(RetryTest, PushbackIsForTheLeaderAloneInTheEndToo) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  FailWith(StatusCode::kUnavailable, {{"grpc-retry-pushback-ms", "-1"}});
  EXPECT_EQ(leader.reply().initial.Find("grpc-retry-pushback-ms"), "-1");
  EXPECT_FALSE(follower.reply().initial.Find("grpc-retry-pushback-ms").has_value());
}

TEST_F(RetryTest, ARetryThatWouldComeTooLateIsNotAwaited) {
  TestWaiter& waiter = Ask("id-7");
  FailWith(StatusCode::kUnavailable, {{"grpc-retry-pushback-ms", "15000"}});
  EXPECT_EQ(waiter.reply().status(), StatusCode::kUnavailable);
  EXPECT_EQ(refused(RetryRefusal::kDeadline), 1);
}

TEST_F(RetryTest, FlightTimeoutPassesWhileARetryIsAwaited) {
  TestWaiter& waiter = Ask("id-7");
  FailWith(StatusCode::kUnavailable, {{"grpc-retry-pushback-ms", "14999"}});
  Advance(14'999);
  EXPECT_EQ(upstream_.calls(), 2);
  Advance(1);
  EXPECT_THAT(waiter.reply(), IsStatus(StatusCode::kDeadlineExceeded, "flight_timeout"));
}

TEST_F(RetryTest, NothingIsRetriedOnceEverybodyHasLeft) {
  TestWaiter& waiter = Ask("id-7");
  FailWith(StatusCode::kUnavailable);
  Leave(waiter);
  Settle();
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(RetryTest, AFlightThatFailsWhenEverybodyHasLeftIsNotRetried) {
  Leave(Ask("id-7"));
  upstream_.latest().TrailersOnly(StatusCode::kUnavailable);
  Settle();
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(RetryTest, CallersMayJoinWhileARetryIsAwaited) {
  Ask("id-7");
  FailWith(StatusCode::kUnavailable);
  EXPECT_EQ(AskOn(2, "id-7").role(), Role::kFollower);
  Advance(50);
  Answer("blue kettle");
  EXPECT_EQ(upstream_.calls(), 2);
}

TEST_F(RetryTest, AReplyThatHasBegunIsNotRetried) {
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().Begin();
  upstream_.latest().End({}, StatusCode::kUnavailable);
  Settle();
  EXPECT_EQ(waiter.reply().status(), StatusCode::kUnavailable);
  EXPECT_EQ(metrics().retry_refusals.sum(), 0);
}

TEST_F(RetryTest, AStreamThatIsResetInMidReplyIsNotRetried) {
  retry_->codes = {StatusCode::kInternal};
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("blue kettle").substr(0, 9));
  upstream_.latest().Fail(Kind::kReset, StatusCode::kInternal);
  Settle();
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(waiter.reply().status(), StatusCode::kInternal);
  EXPECT_EQ(metrics().retry_refusals.sum(), 0);
}

// As without `retry`: a flight whose connection is lost is sent again.
TEST_F(RetryTest, AReplyThatIsLostHalfWayIsAskedForAgainAtOnce) {
  TestWaiter& waiter = Ask("id-7");
  for (int i = 0; i < 2; ++i) {
    upstream_.latest().Begin();
    upstream_.latest().Data(Framed("blue kettle").substr(0, 9));
    Lose();
  }
  ASSERT_EQ(upstream_.calls(), 3) << "these are all of its attempts";
  EXPECT_EQ(metrics().retries.value(), 0);
  upstream_.latest().Begin();
  Lose();
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 3);
  EXPECT_EQ(waiter.reply().status(), StatusCode::kUnavailable);
}

// PITFALLS 15
TEST_F(RetryTest, TheBudgetBoundsWhatABackendThatFailsGetsOnTop) {
  constexpr int kCalls = 1000;
  for (int i = 0; i < kCalls; ++i) {
    Ask("id-" + std::to_string(i));
    FailWith(StatusCode::kUnavailable);
    Advance(100);
    if (upstream_.live() > 0) {
      FailWith(StatusCode::kUnavailable);
      Advance(200);
    }
    if (upstream_.live() > 0) FailWith(StatusCode::kUnavailable);
  }
  EXPECT_LE(upstream_.calls(), kCalls * 11 / 10);
  EXPECT_GE(upstream_.calls(), kCalls * 105 / 100);
  EXPECT_GT(refused(RetryRefusal::kBudget), kCalls / 2);
  EXPECT_EQ(metrics().retries.value(), upstream_.calls() - kCalls);
}

TEST_F(RetryTest, ARouteWithoutRetryIsNotInTheBudget) {
  retry_.reset();
  for (int i = 0; i < 100; ++i) Answer(Ask("id-" + std::to_string(i)).heard() == 0 ? "x" : "");
  int taken = 0;
  while (shared().retries.Take(1'000'000, loops_[0].Now())) ++taken;
  EXPECT_EQ(taken, 3);
}

TEST_F(RetryTest, AKeptReplyIsAsOldAsItsOwnCall) {
  cache_.emplace().ttl = absl::Seconds(5);
  Ask("id-7");
  FailWith(StatusCode::kUnavailable, {{"grpc-retry-pushback-ms", "4000"}});
  Advance(4000);
  Answer("blue kettle");
  Advance(4000);
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(upstream_.calls(), 2);
}

}  // namespace
}  // namespace singleflight::core
