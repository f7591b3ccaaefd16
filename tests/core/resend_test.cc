// Calls that end without a reply.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using Kind = UpstreamFailure::Kind;
using wire::StatusCode;

class ResendTest : public ReadPathTest {
 protected:
  void Lose() {
    upstream_.latest().Fail(Kind::kLost);
    Settle();
  }
};

TEST_F(ResendTest, ALostCallIsSentOnceMoreAsItWas) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  Lose();
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(upstream_.latest().sent(), Framed("id-7"));
  EXPECT_EQ(upstream_.call(1).head().deadline, upstream_.call(0).head().deadline);
  Answer("blue kettle");
  EXPECT_THAT(leader.reply(), IsOkWith("blue kettle"));
  EXPECT_THAT(follower.reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(upstream_.resent(), 1);
}

TEST_F(ResendTest, ACallThatWasNotStartedIsSentOnceMore) {
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().Fail(Kind::kNotStarted);
  ASSERT_EQ(upstream_.calls(), 2);
  Answer("blue kettle");
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
}

// PITFALLS 7, PITFALLS 15
TEST_F(ResendTest, ASecondLossIsUnavailableForEveryone) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  Lose();
  Lose();
  EXPECT_EQ(upstream_.calls(), 2);
  EXPECT_THAT(leader.reply(),
              IsStatus(StatusCode::kUnavailable, "'catalog': connection reset by peer"));
  EXPECT_THAT(follower.reply(),
              IsStatus(StatusCode::kUnavailable, "'catalog': connection reset by peer"));
}

// PITFALLS 15
TEST_F(ResendTest, AHerdCostsOneResendAndNotOnePerCaller) {
  for (int i = 0; i < 100; ++i) AskOn(i % 3, "id-7");
  upstream_.latest().Fail(Kind::kNotStarted);
  Lose();
  EXPECT_EQ(upstream_.calls(), 2);
}

TEST_F(ResendTest, CallersMayJoinAFlightThatIsBeingResent) {
  Ask("id-7");
  Lose();
  EXPECT_EQ(Ask("id-7").role(), Role::kFollower);
  Answer("blue kettle");
}

TEST_F(ResendTest, NothingIsResentWhenNobodyIsLeft) {
  Leave(Ask("id-7"));
  upstream_.latest().Fail(Kind::kLost);  // before the flight hears that it is abandoned
  Settle();
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(ResendTest, AFlightThatFinishesWithoutCallersIsResent) {
  collapse_->on_abandon = OnAbandon::kComplete;
  Leave(Ask("id-7"));
  Lose();
  EXPECT_EQ(upstream_.calls(), 2);
  Answer("blue kettle");
}

TEST_F(ResendTest, ACallThatUpstreamResetIsNotResent) {
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().Fail(Kind::kReset, StatusCode::kCancelled);
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_THAT(waiter.reply(), IsStatus(StatusCode::kCancelled, "catalog"));
}

TEST_F(ResendTest, NothingIsResentToAnUpstreamThatCannotBeReached) {
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().Fail(Kind::kUnreachable);
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_THAT(waiter.reply(), IsStatus(StatusCode::kUnavailable, "catalog"));
}

TEST_F(ResendTest, HalfAReplyThatWasLostIsNotMixedIntoTheNext) {
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().Begin({{"x-served-by", "a"}});
  upstream_.latest().Data(Framed("blue kettle").substr(0, 9));
  Lose();
  upstream_.latest().Begin({{"x-served-by", "b"}});
  upstream_.latest().Data(Framed("red pot"));
  upstream_.latest().End();
  EXPECT_THAT(waiter.reply(), IsOkWith("red pot"));
  EXPECT_EQ(waiter.reply().initial.Count("x-served-by"), 1);
}

TEST_F(ResendTest, AWholeMessageThatWasLostWithoutItsTrailersIsNotTakenForAStream) {
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("blue kettle"));
  Lose();
  Advance(100);
  EXPECT_EQ(waiter.heard(), 0);
  Answer("blue kettle");
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
}

TEST_F(ResendTest, BytesOfALostReplyAreNoLongerHeld) {
  Ask("id-7");
  const int64_t before = shared().held_bytes;
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed(std::string(1000, 'x')).substr(0, 900));
  EXPECT_GE(shared().held_bytes, before + 900);
  Lose();
  EXPECT_EQ(shared().held_bytes, before);
  Answer("blue kettle");
}

TEST_F(ResendTest, FlightTimeoutCountsFromTheFirstSending) {
  TestWaiter& waiter = Ask("id-7");
  Advance(14'000);
  Lose();
  Advance(1000);
  EXPECT_THAT(waiter.reply(), IsStatus(StatusCode::kDeadlineExceeded, "flight_timeout"));
}

}  // namespace
}  // namespace singleflight::core
