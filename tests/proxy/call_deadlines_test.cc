// Deadlines, in each state of a call.

#include "tests/proxy/call_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

TEST_F(CallTest, ADeadlineThatPassesWhileTheRequestIsCollected) {
  auto caller = Open(kGet, {{"grpc-timeout", "10m"}});
  Send(*caller, Framed("hello").substr(0, 7));
  Advance(10);
  EXPECT_EQ(StatusOf(*caller), "4");
  EXPECT_TRUE(caller->ended);
  EXPECT_EQ(upstream_.calls(), 0u);
}

TEST_F(CallTest, ADeadlineThatPassesWhileTheEndOfTheRequestIsAwaited) {
  auto caller = Open(kGet, {{"grpc-timeout", "10m"}});
  Send(*caller, Framed("hello"));
  Advance(10);
  EXPECT_EQ(StatusOf(*caller), "4");
  EXPECT_EQ(upstream_.calls(), 0u);
}

TEST_F(CallTest, ADeadlineAlsoHoldsForACallThatWentOnWithoutWaitingForItsEnd) {
  auto caller = Open(kGet, {{"grpc-timeout", "50m"}});
  Send(*caller, Framed("hello"));
  Advance(20);
  ASSERT_EQ(upstream_.calls(), 1u);
  Advance(29);
  EXPECT_FALSE(caller->ended);
  Advance(1);
  EXPECT_EQ(StatusOf(*caller), "4");
  EXPECT_TRUE(upstream_.latest().cancelled());
}

TEST_F(CallTest, ADeadlineAlsoHoldsForACallThatSentNothingButItsHead) {
  auto caller = Open(kGet, {{"grpc-timeout", "90S"}});
  Advance(60'000);
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(bypasses(core::Bypass::kSlowRequest), 1u);
  Advance(29'999);
  EXPECT_FALSE(caller->ended);
  Advance(1);
  EXPECT_EQ(StatusOf(*caller), "4");
}

// PITFALLS 9
TEST_F(CallTest, ADeadlineThatPassesAboardAFlightTakesOnlyItsCallerOff) {
  auto first = Ask(kGet, "id-7", {{"grpc-timeout", "20m"}});
  auto second = Ask(kGet, "id-7", {{"grpc-timeout", "2S"}});
  Advance(20);
  EXPECT_EQ(StatusOf(*first), "4");
  EXPECT_FALSE(second->ended);
  ASSERT_EQ(upstream_.calls(), 1u);
  Advance(80);
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_THAT(second, IsOkWith(Framed("kettle")));
}

TEST_F(CallTest, ADeadlineThatPassesWhileRelayingCancelsUpstream) {
  auto caller = Ask(kWatch, "hello", {{"grpc-timeout", "10m"}});
  Advance(10);
  EXPECT_EQ(StatusOf(*caller), "4");
  EXPECT_THAT(caller->headers, Contains(Pair("grpc-message", HasSubstr("'catalog'"))));
  EXPECT_TRUE(upstream_.latest().cancelled());
}

TEST_F(CallTest, AnUpstreamCallThatIsGivenUpSaysWhy) {
  Ask(kWatch, "hello", {{"grpc-timeout", "10m"}});
  Advance(10);
  EXPECT_EQ(upstream_.latest().cancelled_for(), core::Unanswered::kDeadline);
  Ask(kGet, "id-7", {{"grpc-timeout", "10m"}});
  Advance(10);
  EXPECT_EQ(upstream_.latest().cancelled_for(), core::Unanswered::kDeadline);
  Reset(*Ask(kWatch, "hello", {{"grpc-timeout", "10S"}}));
  EXPECT_EQ(upstream_.latest().cancelled_for(), core::Unanswered::kCancelled);
}

TEST_F(CallTest, ACallerThatGivesUpJustBeforeTheDeadlineThatItSentLeftForThat) {
  auto relayed = Ask(kWatch, "hello", {{"grpc-timeout", "1S"}});
  auto aboard = Ask(kGet, "id-7", {{"grpc-timeout", "1S"}});
  Advance(990);
  Reset(*relayed);
  Reset(*aboard);
  ASSERT_EQ(upstream_.calls(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(upstream_.call(i).cancelled());
    EXPECT_EQ(upstream_.call(i).cancelled_for(), core::Unanswered::kDeadline);
  }
}

TEST_F(CallTest, ADeadlineThatPassesWithinAReplyEndsItWithTrailers) {
  auto caller = Ask(kWatch, "hello", {{"grpc-timeout", "10m"}});
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data(Framed("one"));
  });
  Advance(10);
  EXPECT_EQ(caller->body, Framed("one"));
  EXPECT_THAT(caller->trailing, Contains(Pair("grpc-status", "4")));
  EXPECT_TRUE(upstream_.latest().cancelled());
}

TEST_F(CallTest, ADeadlineThatPassesBeforeTheGateGivesThePlaceToTheNext) {
  auto leader = Ask(kGet, "id-7");
  auto through = Ask(kGet, "id-7");
  auto waits = Ask(kGet, "id-7", {{"grpc-timeout", "10m"}});
  auto last = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data(Framed("one"));
    call.Data(Framed("two"));
  });
  ASSERT_EQ(upstream_.calls(), 2u) << "the leader's, and one through the gate";
  Advance(10);
  EXPECT_EQ(StatusOf(*waits), "4");
  Upstream([](FakeCall& call) { call.Answer("mine"); });
  ASSERT_EQ(upstream_.calls(), 3u);
  Upstream([](FakeCall& call) { call.Answer("mine too"); });
  EXPECT_THAT(through, IsOkWith(Framed("mine")));
  EXPECT_THAT(last, IsOkWith(Framed("mine too")));
  Reset(*leader);
}

TEST_F(CallTest, ADeadlineAfterTheReplyChangesNothing) {
  auto caller = Ask(kWatch, "hello", {{"grpc-timeout", "10m"}});
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  Advance(10);
  EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
}

}  // namespace
}  // namespace singleflight::proxy::testing
