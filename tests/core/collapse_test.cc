// Joining, leaving and landing.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using CollapseTest = ReadPathTest;

TEST_F(CollapseTest, ThreeIdenticalCallsShareOneUpstreamCall) {
  for (int i = 0; i < 3; ++i) Ask("id-7");
  ASSERT_EQ(flights_.waiting(), 3);
  Answer("blue kettle");
  EXPECT_EQ(upstream_.calls(), 1);
  for (const TestWaiter& waiter : waiters_) EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
}

TEST_F(CollapseTest, OneLeadsAndTheOthersFollow) {
  EXPECT_EQ(Ask("id-7").role(), Role::kLeader);
  EXPECT_EQ(Ask("id-7").role(), Role::kFollower);
  Answer("blue kettle");
}

TEST_F(CollapseTest, UpstreamGetsTheLeadersWholeRequest) {
  Ask("id-7", {{"x-page", "2"}});
  EXPECT_EQ(upstream_.latest().sent(), Framed("id-7"));
  EXPECT_TRUE(upstream_.latest().finished());
  EXPECT_EQ(upstream_.latest().head().request->fields().Find("x-page"), "2");
  EXPECT_EQ(upstream_.latest().head().authority, "catalog:50051");
  EXPECT_EQ(upstream_.latest().head().chain_hop, "hop-1");
  Answer("blue kettle");
}

TEST_F(CollapseTest, CallsWithDifferentMessagesDoNotMeet) {
  TestWaiter& seven = Ask("id-7");
  TestWaiter& eight = Ask("id-8");
  ASSERT_EQ(upstream_.calls(), 2);
  upstream_.call(0).Answer("blue kettle");
  upstream_.call(1).Answer("red kettle");
  EXPECT_THAT(seven.reply(), IsOkWith("blue kettle"));
  EXPECT_THAT(eight.reply(), IsOkWith("red kettle"));
}

TEST_F(CollapseTest, CallsOfDifferentMethodsDoNotMeet) {
  Ask("id-7", {}, "/shop.Catalog/Get");
  Ask("id-7", {}, "/shop.Catalog/List");
  ASSERT_EQ(upstream_.calls(), 2);
  upstream_.call(0).Answer("a");
  upstream_.call(1).Answer("b");
}

// PITFALLS 17
TEST_F(CollapseTest, CallersWithDifferentCredentialsNeverShareAReply) {
  TestWaiter& ann = Ask("id-7", {{"authorization", "ann"}});
  TestWaiter& bob = Ask("id-7", {{"authorization", "bob"}});
  ASSERT_EQ(upstream_.calls(), 2);
  upstream_.call(0).Answer("ann's");
  upstream_.call(1).Answer("bob's");
  EXPECT_THAT(ann.reply(), IsOkWith("ann's"));
  EXPECT_THAT(bob.reply(), IsOkWith("bob's"));
}

// PITFALLS 20
// PITFALLS 17
TEST_F(CollapseTest, CallersThatAreTrustedDifferentlyNeverShareACall) {
  TestWaiter& trusted = Ask("id-7");
  trust_ = kTrust + 1;
  TestWaiter& anyone = Ask("id-7");
  ASSERT_EQ(upstream_.calls(), 2);
  upstream_.call(0).Answer("for the trusted");
  upstream_.call(1).Answer("for anyone");
  EXPECT_THAT(trusted.reply(), IsOkWith("for the trusted"));
  EXPECT_THAT(anyone.reply(), IsOkWith("for anyone"));
}

TEST_F(CollapseTest, CallersWithDifferentTraceContextsShareOneCall) {
  Ask("id-7", {{"traceparent", "00-a-b-01"}, {"x-request-id", "1"}});
  Ask("id-7", {{"traceparent", "00-c-d-01"}, {"x-request-id", "2"}});
  Answer("blue kettle");
  EXPECT_EQ(upstream_.calls(), 1);
}

// PITFALLS 12
TEST_F(CollapseTest, EveryoneGetsTheSameReplyObjectWithAllThatUpstreamSent) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  upstream_.latest().Begin({{"x-served-by", "a"}, {"x-served-by", "b"}});
  upstream_.latest().Data(Framed("blue kettle"));
  upstream_.latest().End({{"grpc-status-details-bin", "CAUSE"}, {"x-cost", "3"}});
  Settle();
  EXPECT_EQ(leader.reply().owner, follower.reply().owner);
  EXPECT_EQ(follower.reply().initial.Count("x-served-by"), 2);
  EXPECT_EQ(follower.reply().trailing.Find("grpc-status-details-bin"), "CAUSE");
  EXPECT_EQ(follower.reply().trailing.Find("x-cost"), "3");
}

// PITFALLS 12, PITFALLS 25
TEST_F(CollapseTest, ATrailersOnlyReplyReachesEveryoneAsOne) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  upstream_.latest().TrailersOnly(
      wire::StatusCode::kNotFound,
      {{"grpc-message", "no such id: "}, {"grpc-status-details-bin", "CAUSE"}});
  Settle();
  EXPECT_EQ(leader.reply().owner, follower.reply().owner);
  EXPECT_THAT(follower.reply(), IsStatus(wire::StatusCode::kNotFound, "no such id: "));
  EXPECT_EQ(follower.reply().initial.Find("grpc-status-details-bin"), "CAUSE");
  EXPECT_TRUE(follower.reply().trailing.empty());
}

TEST_F(CollapseTest, AReplyMayComeByteByByte) {
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().AnswerPiecewise("blue kettle");
  EXPECT_THAT(waiter.reply(), IsOkWith("blue kettle"));
}

TEST_F(CollapseTest, AStatusThatUpstreamSendsIsSharedAndNotAskedForAgain) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable, {{"grpc-message", "later"}});
  EXPECT_THAT(leader.reply(), IsStatus(wire::StatusCode::kUnavailable, "later"));
  EXPECT_THAT(follower.reply(), IsStatus(wire::StatusCode::kUnavailable, "later"));
  EXPECT_EQ(upstream_.calls(), 1);
}

// PITFALLS 13
TEST_F(CollapseTest, ReadingUpstreamNeverWaitsForACaller) {
  Ask("id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed(std::string(1 << 20, 'x')).substr(0, 1 << 19));
  EXPECT_EQ(upstream_.latest().unconsumed(), 0);
  upstream_.latest().Data(Framed(std::string(1 << 20, 'x')).substr(1 << 19));
  upstream_.latest().End();
}

// PITFALLS 9
TEST_F(CollapseTest, FirstCallerLeavingDoesNotEndTheFlight) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  EXPECT_TRUE(Leave(leader));
  Settle();
  Answer("blue kettle");
  EXPECT_THAT(follower.reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(leader.heard(), 0);
}

// PITFALLS 9
TEST_F(CollapseTest, TheFirstCallersDeadlineNeverReachesUpstream) {
  Ask("id-7", {{"grpc-timeout", "20m"}});
  EXPECT_EQ(upstream_.latest().head().deadline, loops_[0].Now() + std::chrono::seconds(15));
  Answer("blue kettle");
}

// PITFALLS 10
TEST_F(CollapseTest, AFollowerMayLeaveBeforeTheLeader) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  EXPECT_TRUE(Leave(follower));
  Answer("blue kettle");
  EXPECT_THAT(leader.reply(), IsOkWith("blue kettle"));
}

// PITFALLS 10
TEST_F(CollapseTest, TheLastOneOutCancelsUpstream) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(2, "id-7");
  Leave(leader);
  EXPECT_FALSE(upstream_.latest().cancelled());
  Leave(follower);
  Settle();
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(flights_.flights(), 0);
}

TEST_F(CollapseTest, ACallerAfterTheLastOneOutLeadsAnewAtOnce) {
  Leave(AskOn(1, "id-7"));
  TestWaiter& next = Ask("id-7");  // the flight's loop has not heard of it yet
  EXPECT_EQ(next.role(), Role::kLeader);
  Settle();
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_TRUE(upstream_.call(0).cancelled());
  Answer("blue kettle");
  EXPECT_THAT(next.reply(), IsOkWith("blue kettle"));
}

TEST_F(CollapseTest, AFlightThatLandsWhileItsLastOneLeavesIsNotAbandonedTwice) {
  Leave(Ask("id-7"));
  upstream_.latest().Answer("too late");  // before the loop runs the task
  Settle();
  EXPECT_FALSE(upstream_.latest().cancelled());
}

TEST_F(CollapseTest, AnAbandonedFlightMayBeToldToFinish) {
  collapse_->on_abandon = OnAbandon::kComplete;
  Leave(Ask("id-7"));
  Settle();
  EXPECT_FALSE(upstream_.latest().cancelled());
  EXPECT_EQ(flights_.flights(), 1);
  Answer("blue kettle");
}

TEST_F(CollapseTest, AFlightThatFinishesWithoutCallersTakesNewOnes) {
  collapse_->on_abandon = OnAbandon::kComplete;
  Leave(Ask("id-7"));
  TestWaiter& later = AskOn(1, "id-7");
  EXPECT_EQ(later.role(), Role::kFollower);
  Answer("blue kettle");
  EXPECT_THAT(later.reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(CollapseTest, LeavingWhileTheReplyIsOnItsWayIsTooLate) {
  Ask("id-7");
  TestWaiter& elsewhere = AskOn(1, "id-7");
  upstream_.latest().Answer("blue kettle");
  EXPECT_FALSE(Leave(elsewhere));
  EXPECT_EQ(elsewhere.heard(), 0);
  Settle();
  EXPECT_THAT(elsewhere.reply(), IsOkWith("blue kettle"));
}

TEST_F(CollapseTest, ALargeHerdIsToldInTurnsSoThatOthersHaveTheirs) {
  std::vector<TestWaiter*> herd;
  for (int i = 0; i < 3000; ++i) herd.push_back(&Ask("id-7"));
  const auto told = [&herd] {
    int heard = 0;
    for (const TestWaiter* waiter : herd) heard += waiter->heard();
    return heard;
  };
  upstream_.latest().Answer("blue kettle");
  EXPECT_LT(told(), 2000);
  EXPECT_EQ(herd.front()->heard(), 1) << "first come, first served";
  Settle();
  EXPECT_EQ(told(), 3000);
}

// PITFALLS 3, PITFALLS 5
TEST_F(CollapseTest, ACallerAfterTheLandingNeverGetsItsReply) {
  Ask("id-7");
  AskOn(1, "id-7");
  upstream_.latest().Answer("blue kettle");
  TestWaiter& newcomer = AskOn(2, "id-7");  // while the reply is on its way to loop 1
  EXPECT_EQ(newcomer.role(), Role::kLeader);
  Settle();
  EXPECT_EQ(newcomer.heard(), 0);
  Answer("red kettle");
  EXPECT_THAT(newcomer.reply(), IsOkWith("red kettle"));
}

// PITFALLS 3
TEST_F(CollapseTest, AFlightThatIsNeverEmptyStillEnds) {
  for (int i = 0; i < 10; ++i) {
    Ask("id-7");
    Ask("id-7");
    Answer("blue kettle");
  }
  EXPECT_EQ(upstream_.calls(), 10);
}

TEST_F(CollapseTest, AnOldFlightTakesNoNewcomersAndServesItsOwn) {
  TestWaiter& early = Ask("id-7");
  Advance(1001);
  TestWaiter& late = Ask("id-7");
  ASSERT_EQ(upstream_.calls(), 2);
  upstream_.call(1).Answer("new");
  upstream_.call(0).Answer("old");
  EXPECT_THAT(early.reply(), IsOkWith("old"));
  EXPECT_THAT(late.reply(), IsOkWith("new"));
  EXPECT_EQ(metrics().superseded.value(), 1);
}

TEST_F(CollapseTest, AFlightMayBeJoinedUpToItsMaxJoinAge) {
  Ask("id-7");
  Advance(1000);
  EXPECT_EQ(Ask("id-7").role(), Role::kFollower);
  Answer("blue kettle");
}

TEST_F(CollapseTest, PastMaxWaitersTheNextCallerStartsTheNextFlight) {
  collapse_->max_waiters = 2;
  for (int i = 0; i < 5; ++i) Ask("id-7");
  ASSERT_EQ(upstream_.calls(), 3);
  for (size_t i = 0; i < 3; ++i) upstream_.call(i).Answer(absl::StrCat("reply ", i));
  EXPECT_THAT(waiters_[1].reply(), IsOkWith("reply 0"));
  EXPECT_THAT(waiters_[2].reply(), IsOkWith("reply 1"));
  EXPECT_THAT(waiters_[4].reply(), IsOkWith("reply 2"));
}

TEST_F(CollapseTest, PastFlightTimeoutEveryoneIsToldWhichBoundItWas) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  Advance(14'999);
  EXPECT_EQ(leader.heard(), 0);
  Advance(1);
  for (const TestWaiter* waiter : {&leader, &follower}) {
    EXPECT_THAT(waiter->reply(),
                IsStatus(wire::StatusCode::kDeadlineExceeded,
                         "'catalog': no reply within collapse.flight_timeout (15s)"));
  }
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(upstream_.latest().cancelled_for(), Unanswered::kFlightTimeout);
}

TEST_F(CollapseTest, WhyTheLastOneLeftIsWhyUpstreamDidNotAnswer) {
  TestWaiter& first = Ask("id-7");
  TestWaiter& last = Ask("id-7");
  Leave(first, Unanswered::kCancelled);
  Leave(last, Unanswered::kDeadline);
  Settle();
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(upstream_.latest().cancelled_for(), Unanswered::kDeadline);
}

// PITFALLS 10
TEST_F(CollapseTest, FlightTimeoutEndsAFlightThatNobodyWaitsFor) {
  collapse_->on_abandon = OnAbandon::kComplete;
  Leave(Ask("id-7"));
  Advance(15'000);
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(flights_.flights(), 0);
}

TEST_F(CollapseTest, AHerdOnThreeLoopsCostsOneTaskPerOtherLoop) {
  for (int i = 0; i < 300; ++i) AskOn(i % 3, "id-7");
  upstream_.latest().Answer("blue kettle");
  EXPECT_EQ(loops_[0].posted(), 0);
  EXPECT_EQ(loops_[1].posted(), 1);
  EXPECT_EQ(loops_[2].posted(), 1);
  Settle();
  for (const TestWaiter& waiter : waiters_) EXPECT_EQ(waiter.heard(), 1);
}

TEST_F(CollapseTest, TheWaitersOfAFlightAreCountedWhenItLands) {
  for (int i = 0; i < 5; ++i) AskOn(i % 3, "id-7");
  Answer("blue kettle");
  EXPECT_EQ(metrics().waiters_per_flight.sum(), 5);
}

// PITFALLS 15
TEST_F(CollapseTest, PushbackIsNotReplayedToFollowers) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("blue kettle"));
  upstream_.latest().End({{"grpc-retry-pushback-ms", "50"}, {"x-cost", "3"}},
                         wire::StatusCode::kUnavailable);
  Settle();
  EXPECT_TRUE(leader.reply().Has("grpc-retry-pushback-ms"));
  EXPECT_FALSE(follower.reply().Has("grpc-retry-pushback-ms"));
  EXPECT_EQ(follower.reply().trailing.Find("x-cost"), "3");
  EXPECT_EQ(follower.reply().body.data(), leader.reply().body.data());
}

}  // namespace
}  // namespace singleflight::core
