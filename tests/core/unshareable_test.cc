// Replies that cannot be shared: streams, large ones, private ones.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using wire::StatusCode;

class UnshareableTest : public ReadPathTest {
 protected:
  // A leader on loop 0, a follower beside it and one on loop 1.
  void AskThrice(const Fields& leader = {}, const Fields& others = {}) {
    leader_ = &Ask("id-7", leader);
    near_ = &Ask("id-7", others);
    far_ = &AskOn(1, "id-7", others);
    ASSERT_EQ(upstream_.calls(), 1);
  }

  void ExpectTakeover(absl::string_view body) {
    Settle();
    ASSERT_TRUE(leader_->took_over());
    EXPECT_EQ(leader_->takeover().body, body);
    ExpectTheOthersReleased();
  }
  void ExpectTheOthersReleased() {
    Settle();
    for (const TestWaiter* follower : {near_, far_}) {
      EXPECT_TRUE(follower->released());
      EXPECT_EQ(follower->released_with(), Framed("id-7"));
    }
  }
  uint64_t Released(Release why) { return metrics().released.of(why); }

  TestWaiter* leader_ = nullptr;
  TestWaiter* near_ = nullptr;
  TestWaiter* far_ = nullptr;
};

TEST_F(UnshareableTest, AStreamIsGivenOverToTheLeaderAtItsSecondMessage) {
  AskThrice();
  upstream_.latest().Begin({{"x-served-by", "a"}});
  upstream_.latest().Data(Framed("one"));
  upstream_.latest().Data(Framed("two").substr(0, 2));
  ExpectTakeover(Framed("one") + Framed("two").substr(0, 2));
  EXPECT_EQ(leader_->takeover().initial->Find("x-served-by"), "a");
  EXPECT_EQ(Released(Release::kReplyStreams), 2);
}

TEST_F(UnshareableTest, TheLeaderHearsTheRestOfTheStreamItself) {
  AskThrice();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one") + Framed("two"));
  upstream_.latest().Data(Framed("three"));
  upstream_.latest().End();
  EXPECT_EQ(leader_->tail(), Framed("three"));
  EXPECT_TRUE(leader_->tail_ended());
  EXPECT_FALSE(upstream_.latest().cancelled());
}

TEST_F(UnshareableTest, AWholeMessageWithoutAnEndIsTakenForAStreamAfterOpenReplyGrace) {
  AskThrice();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one"));
  Advance(999);
  EXPECT_EQ(leader_->heard(), 0);
  Advance(1);
  ExpectTakeover(Framed("one"));
}

TEST_F(UnshareableTest, TheEndMayComeWithinOpenReplyGrace) {
  collapse_->open_reply_grace = absl::Seconds(3);
  AskThrice();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("blue kettle"));
  Advance(2999);
  upstream_.latest().End();
  Advance(100);
  EXPECT_THAT(far_->reply(), IsOkWith("blue kettle"));
}

TEST_F(UnshareableTest, OnAUnaryRouteALateEndIsWaitedForUntilFlightTimeout) {
  collapse_->unary = true;
  AskThrice();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("blue kettle"));
  Advance(14'999);
  upstream_.latest().End();
  Settle();
  EXPECT_THAT(far_->reply(), IsOkWith("blue kettle"));
  TestWaiter& late = Ask("id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("blue kettle"));
  Advance(15'000);
  EXPECT_THAT(late.reply(), IsStatus(StatusCode::kDeadlineExceeded, "flight_timeout"));
}

TEST_F(UnshareableTest, OnAUnaryRouteAReplyOfTwoMessagesIsGivenOverToo) {
  collapse_->unary = true;
  AskThrice();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one") + Framed("two"));
  ExpectTakeover(Framed("one") + Framed("two"));
  EXPECT_TRUE(RemembersStreaming());
}

TEST_F(UnshareableTest, ASlowMessageIsNotTakenForAStream) {
  AskThrice();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("blue kettle").substr(0, 9));
  Advance(5000);
  upstream_.latest().Data(Framed("blue kettle").substr(9));
  upstream_.latest().End();
  Settle();
  EXPECT_THAT(far_->reply(), IsOkWith("blue kettle"));
}

TEST_F(UnshareableTest, AMalformedFrameIsTheLeadersToJudge) {
  AskThrice();
  upstream_.latest().Begin();
  upstream_.latest().Data("\x7fnonsense");
  ExpectTakeover("\x7fnonsense");
}

TEST_F(UnshareableTest, TwoMessagesInAReplyThatIsNotGrpcAreNotLookedFor) {
  AskThrice();
  upstream_.latest().Begin({}, "502");
  upstream_.latest().Data("<html>Bad Gateway</html>");
  upstream_.latest().End();
  Settle();
  EXPECT_EQ(far_->reply().body, "<html>Bad Gateway</html>");
}

TEST_F(UnshareableTest, AReplyPastMaxReplyBytesIsGivenOverToTheLeader) {
  collapse_->max_reply_bytes = 100;
  AskThrice();
  const std::string part = Framed(std::string(200, 'x')).substr(0, 101);
  upstream_.latest().Begin();
  upstream_.latest().Data(part);
  ExpectTakeover(part);
  EXPECT_EQ(Released(Release::kReplyTooLarge), 2);
}

TEST_F(UnshareableTest, AReplyOfExactlyMaxReplyBytesIsShared) {
  collapse_->max_reply_bytes = 105;
  AskThrice();
  Answer(std::string(100, 'x'));
  EXPECT_THAT(far_->reply(), IsOkWith(std::string(100, 'x')));
}

// PITFALLS 48
TEST_F(UnshareableTest, AReplyOfTwoMessagesIsRememberedOfItsMethodForTenSeconds) {
  AskThrice();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one") + Framed("two"));
  leader_->Drop();
  Advance(10'000 - 1);
  EXPECT_TRUE(RemembersStreaming());
  EXPECT_FALSE(RemembersStreaming("/shop.Catalog/List"));
  EXPECT_FALSE(TooLarge("id-7"));
  Advance(1);
  EXPECT_FALSE(RemembersStreaming());
}

TEST_F(UnshareableTest, AMethodThatStreamsAgainIsRememberedForLonger) {
  for (const int seconds : {10, 20, 40}) {
    Ask("id-7");
    upstream_.latest().Begin();
    upstream_.latest().Data(Framed("one") + Framed("two"));
    upstream_.latest().End();
    Advance(seconds * 1000 - 1);
    EXPECT_TRUE(RemembersStreaming());
    Advance(1);
    EXPECT_FALSE(RemembersStreaming());
  }
}

TEST_F(UnshareableTest, AUnaryReplyEndsThatItsMethodIsRemembered) {
  Ask("id-7");
  FakeCall& stream = upstream_.latest();
  Ask("id-8");
  FakeCall& unary = upstream_.latest();
  Ask("id-9");
  stream.Begin();
  stream.Data(Framed("one") + Framed("two"));
  stream.End();
  unary.TrailersOnly(StatusCode::kNotFound);
  EXPECT_TRUE(RemembersStreaming()) << "an error proves nothing";
  Answer("blue kettle");
  EXPECT_FALSE(RemembersStreaming());
}

// PITFALLS 48: none of this is a reply of two messages.
TEST_F(UnshareableTest, LatenessAndStrayBytesAreNotRemembered) {
  const auto stray = std::string("\0", 1);
  for (const std::string& body : {Framed("one"), Framed("one") + stray, Framed("one") + "\x7f",
                                  Framed("one") + Framed("two").substr(0, 6)}) {
    TestWaiter& leader = Ask("id-7");
    upstream_.latest().Begin();
    upstream_.latest().Data(body);
    Advance(1000);
    EXPECT_TRUE(leader.took_over());
    EXPECT_FALSE(RemembersStreaming());
    upstream_.latest().End();
  }
}

TEST_F(UnshareableTest, AKeyWithALargeReplyIsRememberedForAMinute) {
  collapse_->max_reply_bytes = 10;
  AskThrice();
  upstream_.latest().Answer("much more than ten bytes");
  leader_->Drop();
  Advance(60'000 - 1);
  EXPECT_TRUE(TooLarge("id-7"));
  EXPECT_FALSE(TooLarge("id-8"));
  EXPECT_FALSE(RemembersStreaming());
  Advance(1);
  EXPECT_FALSE(TooLarge("id-7"));
}

TEST_F(UnshareableTest, AStreamWhoseLeaderHasLeftIsReset) {
  AskThrice();
  Leave(*leader_);
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one") + Framed("two"));
  EXPECT_TRUE(upstream_.latest().cancelled());
  ExpectTheOthersReleased();
}

TEST_F(UnshareableTest, ANewcomerAfterTheTakeoverLeadsAnew) {
  AskThrice();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one"));
  Advance(1000);
  EXPECT_TRUE(leader_->took_over());
  upstream_.latest().End();
  EXPECT_EQ(Ask("id-7").role(), Role::kLeader);
  Answer("blue kettle");
}

// PITFALLS 11
TEST_F(UnshareableTest, TheOthersAreReleasedAtOnceInTheOrderOfTheirArrival) {
  Ask("id-7");
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) Ask("id-7").WhenReleased([&order, i] { order.push_back(i); });
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one") + Framed("two"));
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 3, 4));
  upstream_.latest().End();
}

class PrivateReplyTest : public UnshareableTest {
 protected:
  PrivateReplyTest() { rules_.share_across_credentials = true; }

  void AskAsThree() { AskThrice({{"authorization", "ann"}}, {{"authorization", "bob"}}); }
  void ExpectForLeaderAlone() {
    Settle();
    EXPECT_TRUE(leader_->reply());
    ExpectTheOthersReleased();
    EXPECT_EQ(Released(Release::kReplyPrivate), 2);
  }
};

TEST_F(PrivateReplyTest, CallersWithDifferentCredentialsShareAReplyThatIsForAll) {
  AskAsThree();
  Answer("blue kettle");
  for (const TestWaiter* waiter : {leader_, near_, far_})
    EXPECT_THAT(waiter->reply(), IsOkWith("blue kettle"));
}

// PITFALLS 17
TEST_F(PrivateReplyTest, UnauthenticatedIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().TrailersOnly(StatusCode::kUnauthenticated);
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, PermissionDeniedIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().TrailersOnly(StatusCode::kPermissionDenied);
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, ResourceExhaustedIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().Begin();
  upstream_.latest().End({}, StatusCode::kResourceExhausted);
  ExpectForLeaderAlone();
}

// Which of two a client believes is its own affair.
TEST_F(PrivateReplyTest, AStatusInAnyBlockIsRead) {
  AskAsThree();
  upstream_.latest().Begin({{"grpc-status", "16"}});
  upstream_.latest().Data(Framed("ann's"));
  upstream_.latest().End();
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, TheSecondStatusOfABlockIsReadToo) {
  AskAsThree();
  upstream_.latest().Begin();
  upstream_.latest().End({{"grpc-status", "7"}});
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, AStatusThatCannotBeReadIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().Begin({{"grpc-status", " 16"}});
  upstream_.latest().End();
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, ACacheControlThatCannotBeReadIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().Begin({{"cache-control", "max-age=5, \""}});
  upstream_.latest().End();
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, AWordThatOnlyHoldsPrivateIsForAll) {
  AskAsThree();
  Answer("blue kettle", {{"cache-control", "x-private-beta=1"}});
  EXPECT_THAT(far_->reply(), IsOkWith("blue kettle"));
}

// PITFALLS 24
TEST_F(PrivateReplyTest, AReplyWithACookieIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().Begin({{"set-cookie", "session=ann"}});
  upstream_.latest().Data(Framed("blue kettle"));
  upstream_.latest().End();
  ExpectForLeaderAlone();
}

// PITFALLS 24
TEST_F(PrivateReplyTest, AReplyMarkedPrivateIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("blue kettle"));
  upstream_.latest().End({{"cache-control", "max-age=5, Private"}});
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, AnHttpStatusThatMeansUnauthenticatedIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().Begin({}, "401");
  upstream_.latest().End();
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, AnHttpStatusThatMeansPermissionDeniedIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().Begin({}, "403");
  upstream_.latest().End();
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, AResetByUpstreamThatMeansResourceExhaustedIsForTheLeaderAlone) {
  AskAsThree();
  upstream_.latest().Fail(UpstreamFailure::Kind::kReset, StatusCode::kResourceExhausted);
  ExpectForLeaderAlone();
}

TEST_F(PrivateReplyTest, WithoutTheLeaderAPrivateReplyIsForNobody) {
  AskAsThree();
  Leave(*leader_);
  upstream_.latest().TrailersOnly(StatusCode::kUnauthenticated);
  ExpectTheOthersReleased();
}

TEST_F(PrivateReplyTest, ARefusalOfTheProxysOwnIsForAll) {
  max_held_bytes_ = 4096;
  AskAsThree();
  upstream_.latest().Answer(std::string(5000, 'x'));
  Settle();
  for (const TestWaiter* waiter : {leader_, near_, far_}) {
    EXPECT_THAT(waiter->reply(), IsStatus(StatusCode::kResourceExhausted, "max_held_bytes"));
  }
}

}  // namespace
}  // namespace singleflight::core
