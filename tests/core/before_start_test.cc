// `join: before_start`: nobody gets a reply to a call that was sent before it came.

#include "tests/core/collapse_steps.h"

namespace singleflight::core {
namespace {

using ::testing::HasSubstr;

class BeforeStartTest : public ReadPathTest {
 protected:
  BeforeStartTest() { collapse_->join = JoinRule::kBeforeStart; }

  uint64_t Gathered(GatheringEnd why) {
    uint64_t sum = 0;
    for (size_t i = 0; i < 3; ++i) sum += metrics(i).gathered.of(why);
    return sum;
  }
};

// PITFALLS 32, without any purge
TEST_F(BeforeStartTest, ACallerDoesNotGetTheReplyToACallThatWasSentBeforeItCame) {
  TestWaiter& first = Ask("id-7");
  TestWaiter& second = Ask("id-7");
  TestWaiter& third = Ask("id-7");
  ASSERT_EQ(upstream_.calls(), 1);
  AnswerCall(0, "old");
  EXPECT_THAT(first.reply(), IsOkWith("old"));
  EXPECT_EQ(second.heard() + third.heard(), 0);
  ASSERT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "new");
  EXPECT_THAT(second.reply(), IsOkWith("new"));
  EXPECT_THAT(third.reply(), IsOkWith("new"));
  EXPECT_EQ(Gathered(GatheringEnd::kTurn), 1);
}

TEST_F(BeforeStartTest, TheFirstOfThoseWhoGatherLeadsAndTheOthersFollow) {
  Ask("id-7");
  EXPECT_EQ(served_, Served::kLeads);
  Ask("id-7");
  EXPECT_EQ(served_, Served::kLeads);
  Ask("id-7");
  EXPECT_EQ(served_, Served::kFollows);
  AnswerCall(0, "old");
  AnswerCall(1, "new");
}

TEST_F(BeforeStartTest, CallsForOtherThingsDoNotWait) {
  Ask("id-7");
  Ask("id-8");
  EXPECT_EQ(upstream_.calls(), 2);
  AnswerCall(0, "seven");
  AnswerCall(1, "eight");
  EXPECT_EQ(Gathered(GatheringEnd::kTurn), 0);
}

TEST_F(BeforeStartTest, CallersOnOtherLoopsGatherTogether) {
  TestWaiter& first = AskOn(0, "id-7");
  TestWaiter& second = AskOn(1, "id-7");
  TestWaiter& third = AskOn(2, "id-7");
  TestWaiter& fourth = AskOn(0, "id-7");
  AnswerCall(0, "old");
  ASSERT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "new");
  EXPECT_THAT(first.reply(), IsOkWith("old"));
  for (TestWaiter* waiter : {&second, &third, &fourth}) {
    EXPECT_THAT(waiter->reply(), IsOkWith("new"));
  }
}

// The one ahead has landed, and the turn is on its way to the other loop.
TEST_F(BeforeStartTest, WhoeverComesBeforeTheCallIsSentIsAboard) {
  AskOn(0, "id-7");
  AskOn(1, "id-7");
  upstream_.call(0).Answer("old");
  ASSERT_EQ(upstream_.calls(), 1);
  TestWaiter& late = AskOn(2, "id-7");
  Settle();
  ASSERT_EQ(upstream_.calls(), 2);
  TestWaiter& later = AskOn(2, "id-7");
  AnswerCall(1, "new");
  EXPECT_THAT(late.reply(), IsOkWith("new"));
  EXPECT_EQ(later.heard(), 0);
  AnswerCall(2, "newest");
  EXPECT_THAT(later.reply(), IsOkWith("newest"));
}

TEST_F(BeforeStartTest, WhatGathersIsSentWhenTheOneAheadIsOutForTooLong) {
  Ask("id-7");
  Advance(600);
  AskOn(1, "id-7");
  Advance(399);
  EXPECT_EQ(upstream_.calls(), 1);
  Advance(1);
  EXPECT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(Gathered(GatheringEnd::kMaxJoinAge), 1);
  AnswerCall(1, "new");
  AnswerCall(0, "old");
  EXPECT_EQ(metrics().superseded.value(), 1);
}

// Two are in the air then. The third waits for the second, however old the first is.
TEST_F(BeforeStartTest, TheThirdWaitsForTheSecondAndNotForTheFirst) {
  Ask("id-7");
  Advance(500);
  Ask("id-7");
  Advance(500);
  TestWaiter& third = Ask("id-7");
  TestWaiter& fourth = Ask("id-7");
  ASSERT_EQ(upstream_.calls(), 2);
  AnswerCall(0, "first");
  EXPECT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "second");
  ASSERT_EQ(upstream_.calls(), 3);
  AnswerCall(2, "third");
  EXPECT_THAT(third.reply(), IsOkWith("third"));
  EXPECT_THAT(fourth.reply(), IsOkWith("third"));
}

// A backend that answers nothing gets a call of each key per max_join_age, as under in_flight.
TEST_F(BeforeStartTest, ABackendThatHangsGetsOneCallPerMaxJoinAge) {
  for (int i = 0; i < 100; ++i) {
    Ask("id-7");
    Advance(100);
  }
  EXPECT_LE(upstream_.calls(), 11);
  EXPECT_LE(flights_.flights(), 12);
  Advance(1000);
  while (upstream_.live() > 0) upstream_.live_calls().front()->Answer("at last");
}

TEST_F(BeforeStartTest, FlightTimeoutCountsFromWhenTheCallIsSent) {
  Ask("id-7");
  TestWaiter& second = Ask("id-7");
  Advance(1000);
  EXPECT_EQ(upstream_.call(1).head().deadline, loops_[0].Now() + std::chrono::seconds(15));
  Advance(14'999);
  EXPECT_EQ(second.heard(), 0);
  Advance(1);
  EXPECT_THAT(second.reply(), IsStatus(wire::StatusCode::kDeadlineExceeded, "flight_timeout"));
}

// PITFALLS 9
TEST_F(BeforeStartTest, TheFirstWhoGathersMayLeaveAndTheOthersAreServed) {
  Ask("id-7");
  TestWaiter& second = AskOn(1, "id-7", {{"x-request-id", "second"}});
  TestWaiter& third = AskOn(2, "id-7", {{"x-request-id", "third"}});
  EXPECT_TRUE(Leave(second, Unanswered::kDeadline));
  Settle();
  AnswerCall(0, "old");
  AnswerCall(1, "new");
  EXPECT_THAT(third.reply(), IsOkWith("new"));
  EXPECT_EQ(second.heard(), 0);
}

TEST_F(BeforeStartTest, WhenAllWhoGatherHaveLeftNothingIsSent) {
  Ask("id-7");
  TestWaiter& second = AskOn(1, "id-7");
  TestWaiter& third = AskOn(2, "id-7");
  EXPECT_TRUE(Leave(second));
  EXPECT_TRUE(Leave(third));
  Settle();
  EXPECT_EQ(flights_.flights(), 1);
  EXPECT_EQ(shared().flights.load(), 1);
  EXPECT_EQ(Gathered(GatheringEnd::kAbandoned), 1);
  AnswerCall(0, "old");
  EXPECT_EQ(upstream_.calls(), 1);
}

// Before the loop of those who gathered knows that all have left, their turn comes.
TEST_F(BeforeStartTest, ATurnThatNobodyWaitsForSendsNothing) {
  Ask("id-7");
  TestWaiter& second = AskOn(1, "id-7");
  TestWaiter& third = AskOn(2, "id-7");
  EXPECT_TRUE(Leave(second));
  upstream_.call(0).Answer("old");  // the turn is posted
  EXPECT_TRUE(Leave(third));        // that this left, is posted behind it
  Settle();
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(Gathered(GatheringEnd::kAbandoned), 1);
}

// A caller that comes and goes has nothing sent, however often.
TEST_F(BeforeStartTest, AfterAllHaveLeftTheNextOneGathersBehindTheSameFlight) {
  Ask("id-7");
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Leave(AskOn(1, "id-7")));
  TestWaiter& last = AskOn(2, "id-7");
  Settle();
  EXPECT_EQ(upstream_.calls(), 1);
  AnswerCall(0, "old");
  ASSERT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "new");
  EXPECT_THAT(last.reply(), IsOkWith("new"));
}

TEST_F(BeforeStartTest, WhenTheOneAheadIsAbandonedItsPlaceInTheAirIsTaken) {
  TestWaiter& first = AskOn(0, "id-7");
  TestWaiter& second = AskOn(1, "id-7");
  EXPECT_TRUE(Leave(first));
  TestWaiter& third = AskOn(2, "id-7");
  Settle();
  EXPECT_TRUE(upstream_.call(0).cancelled());
  ASSERT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "new");
  EXPECT_THAT(second.reply(), IsOkWith("new"));
  EXPECT_THAT(third.reply(), IsOkWith("new"));
}

TEST_F(BeforeStartTest, WhenTheOneAheadFailsTheOthersAskAnew) {
  TestWaiter& first = Ask("id-7");
  TestWaiter& second = Ask("id-7");
  upstream_.call(0).Fail(UpstreamFailure::Kind::kUnreachable);
  Settle();
  EXPECT_THAT(first.reply(), IsStatus(wire::StatusCode::kUnavailable, "catalog"));
  AnswerCall(1, "new");
  EXPECT_THAT(second.reply(), IsOkWith("new"));
}

// A re-sent call is a later one, so nobody has to make way for it.
TEST_F(BeforeStartTest, WhoeverGathersWaitsForACallThatIsSentAgain) {
  TestWaiter& first = Ask("id-7");
  Ask("id-7");
  upstream_.call(0).Fail(UpstreamFailure::Kind::kLost);
  Settle();
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_TRUE(upstream_.call(1).head().again);
  AnswerCall(1, "old");
  EXPECT_THAT(first.reply(), IsOkWith("old"));
  AnswerCall(2, "new");
}

TEST_F(BeforeStartTest, AReplyThatStreamsReleasesThoseAboardAndGivesTheTurn) {
  TestWaiter& first = Ask("id-7");
  TestWaiter& second = Ask("id-7");
  TestWaiter& third = Ask("id-7");
  upstream_.call(0).Begin();
  upstream_.call(0).Data(Framed("one") + Framed("two"));
  Settle();
  EXPECT_TRUE(first.took_over());
  ASSERT_EQ(upstream_.calls(), 2);
  upstream_.call(1).Begin();
  upstream_.call(1).Data(Framed("one") + Framed("two"));
  Settle();
  EXPECT_TRUE(second.took_over());
  EXPECT_TRUE(third.released());
}

TEST_F(BeforeStartTest, PastMaxWaitersTheNextCallerIsNotHeldUp) {
  collapse_->max_waiters = 2;
  Ask("id-7");
  Ask("id-7");
  Ask("id-7");
  TestWaiter& fourth = Ask("id-7");
  ASSERT_EQ(upstream_.calls(), 2);
  AnswerCall(1, "fourth");
  EXPECT_THAT(fourth.reply(), IsOkWith("fourth"));
  AnswerCall(0, "first");
  ASSERT_EQ(upstream_.calls(), 3);
  AnswerCall(2, "second and third");
}

TEST_F(BeforeStartTest, WhatGathersCountsForMaxFlights) {
  max_flights_ = 1;
  Ask("id-7");
  TestWaiter& second = Ask("id-7");
  EXPECT_THAT(second.reply(), IsStatus(wire::StatusCode::kResourceExhausted, "max_flights (1)"));
  AnswerCall(0, "old");
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(BeforeStartTest, WhatGathersHoldsItsMessage) {
  Ask("id-7");
  const int64_t one = shared().held_bytes.load();
  Ask("id-7");
  EXPECT_EQ(shared().held_bytes.load(), 2 * one);
  AnswerCall(0, "old");
  AnswerCall(1, "new");
}

TEST_F(BeforeStartTest, PastMaxHeldBytesWhoeverWouldGatherIsRefused) {
  max_held_bytes_ = 600;
  Ask("id-7");
  TestWaiter* refused = nullptr;
  while (refused == nullptr) {
    TestWaiter& next = Ask(absl::StrCat("id-", upstream_.calls()));
    if (next.heard() > 0) refused = &next;
    ASSERT_LT(upstream_.calls(), 100);
  }
  TestWaiter& second = Ask("id-7");
  EXPECT_THAT(second.reply(), IsStatus(wire::StatusCode::kResourceExhausted, "max_held_bytes"));
  while (upstream_.live() > 0) upstream_.live_calls().front()->Answer("it");
}

TEST_F(BeforeStartTest, APurgeKeepsNobodyFromACallThatIsStillToBeSent) {
  Ask("id-7");
  TestWaiter& second = Ask("id-7");
  store_.Purge(cache::EverythingScope());
  TestWaiter& third = Ask("id-7");
  ASSERT_EQ(upstream_.calls(), 1);
  AnswerCall(0, "old");
  AnswerCall(1, "new");
  EXPECT_THAT(second.reply(), IsOkWith("new"));
  EXPECT_THAT(third.reply(), IsOkWith("new"));
}

TEST_F(BeforeStartTest, RoutesWithAndWithoutItShareNothing) {
  RouteOptions in_flight, before_start;
  in_flight.collapse = before_start.collapse = CollapseOptions();
  before_start.collapse->join = JoinRule::kBeforeStart;
  EXPECT_NE(PolicyOf(in_flight), PolicyOf(before_start));
}

class BeforeStartRandomTest : public CollapseSteps {
 protected:
  // As in CollapseSteps, but a reply says when its call was sent.
  BeforeStartRandomTest() {
    collapse_->join = JoinRule::kBeforeStart;
    NoteWhenSent();
  }

  void Run(int steps, uint64_t seed) {
    TakeSteps(steps, RandomChooser(seed));
    Advance(16'000);  // all that gathered is sent
    Finish();
    for (int often : {left_, left_too_late_, took_over_, released_, replies_[0], replies_[1]}) {
      EXPECT_GT(often, 100);
    }
    uint64_t ends[3] = {};
    for (size_t loop = 0; loop < 3; ++loop) {
      metrics(loop).gathered.ForEach(
          [&](GatheringEnd why, uint64_t count) { ends[static_cast<size_t>(why)] += count; });
    }
    for (uint64_t often : ends) EXPECT_GT(often, 100);
    EXPECT_GT(upstream_.resent(), 100);
  }
};

TEST_F(BeforeStartRandomTest, NoReplyIsToACallThatWasSentBeforeItsCallerCame) {
  collapse_->max_waiters = 4;
  collapse_->max_reply_bytes = 1000;
  collapse_->max_join_age = absl::Milliseconds(400);
  Run(100'000, 9);
}

TEST_F(BeforeStartRandomTest, TheSameHoldsWithinTightBounds) {
  collapse_->max_join_age = absl::Milliseconds(200);
  max_flights_ = 6;
  max_held_bytes_ = 8000;
  Run(100'000, 10);
}

}  // namespace
}  // namespace singleflight::core
