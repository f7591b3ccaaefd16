// One call's life: collected, aboard a flight, relayed, and what its method is remembered for.

#include "tests/proxy/call_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::Contains;
using ::testing::Pair;

TEST_F(CallTest, ThreeIdenticalCallsShareOneUpstreamCallAndItsEveryField) {
  std::vector<std::shared_ptr<Ear>> herd;
  for (int i = 0; i < 3; ++i) herd.push_back(Ask(kGet, "id-7"));
  ASSERT_EQ(upstream_.calls(), 1u);
  Upstream([](FakeCall& call) {
    call.Begin({{"x-first", "1"}});
    call.Data(Framed("blue kettle"));
    call.End({{"x-last", "2"}});
  });
  for (const auto& caller : herd) {
    EXPECT_THAT(caller, IsOkWith(Framed("blue kettle")));
    EXPECT_THAT(caller->headers, Contains(Pair("x-first", "1")));
    EXPECT_THAT(caller->trailing, Contains(Pair("x-last", "2")));
  }
  EXPECT_EQ(metrics_.routes[0]->saved.value(), 2u);
}

// PITFALLS 9
TEST_F(CallTest, TheFirstCallerThatCancelsDoesNotDisturbTheOthers) {
  auto first = Ask(kGet, "id-7");
  auto second = Ask(kGet, "id-7");
  Reset(*first);
  EXPECT_EQ(upstream_.live(), 1u);
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_THAT(second, IsOkWith(Framed("kettle")));
  EXPECT_FALSE(first->ended);
}

TEST_F(CallTest, TheLastCallerThatCancelsCancelsUpstream) {
  auto first = Ask(kGet, "id-7");
  auto second = Ask(kGet, "id-7");
  Reset(*first);
  Reset(*second);
  EXPECT_TRUE(upstream_.latest().cancelled());
}

TEST_F(CallTest, AMessageWithoutAnEndIsRelayedAfterTwentyMilliseconds) {
  auto caller = Open(kGet);
  Send(*caller, Framed("hello"));
  Advance(19);
  EXPECT_EQ(upstream_.calls(), 0u);
  Advance(1);
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(upstream_.latest().sent(), Framed("hello"));
  EXPECT_FALSE(upstream_.latest().finished());
  EXPECT_EQ(bypasses(core::Bypass::kOpenEnded), 1u);
  Send(*caller, Framed("again"));
  EXPECT_EQ(upstream_.latest().sent(), Framed("hello") + Framed("again"));
  Finish(*caller);
  EXPECT_TRUE(upstream_.latest().finished());
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
}

// PITFALLS 48
TEST_F(CallTest, WhatOneCallerSendsSwitchesSharingOffForNobody) {
  auto late = Open(kGet);
  Send(*late, Framed("hello"));
  Advance(20);
  auto second = Open(kGet);
  Send(*second, Framed("one") + Framed("two"));
  auto stray = Open(kGet);
  Send(*stray, Framed("one") + std::string("\0", 1));
  auto trickled = Open(kGet);
  Send(*trickled, Framed("one").substr(0, 7));
  Finish(*trickled);
  const size_t alone = upstream_.calls();
  auto herd = {Ask(kGet, "id-7"), Ask(kGet, "id-7"), Ask(kGet, "id-7")};
  EXPECT_EQ(upstream_.calls(), alone + 1);
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  for (const auto& caller : herd) EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
  for (const auto& caller : {late, second, stray, trickled}) Reset(*caller);
}

// PITFALLS 48: a reply of two messages, of whatever call.
TEST_F(CallTest, AMethodIsRememberedByItsRepliesAndItsCallsAreRelayed) {
  auto conversation = Open(kGet);
  Send(*conversation, Framed("hello"));
  Advance(20);
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data(Framed("one") + Framed("two").substr(0, 5));
  });
  EXPECT_FALSE(Streams()) << "one, and the beginning of another";
  Upstream([](FakeCall& call) { call.Data(Framed("two").substr(5)); });
  EXPECT_TRUE(Streams());
  auto next = Open(kGet);
  EXPECT_EQ(upstream_.calls(), 1u) << "what is kept for it is looked for first";
  Send(*next, Framed("hello"));
  EXPECT_EQ(upstream_.calls(), 2u) << "nothing is, so nothing is waited for";
  auto whole = Ask(kGet, "id-7");
  EXPECT_EQ(bypasses(core::Bypass::kStreamingMethod), 2u);
  for (const auto& caller : {conversation, next, whole}) Reset(*caller);
}

TEST_F(CallTest, TheFirstUnaryCallOfARememberedMethodEndsIt) {
  auto herd = Stampede(1);
  ASSERT_TRUE(Streams());
  auto refused = Ask(kGet, "id-8");
  Upstream([](FakeCall& call) { call.TrailersOnly(wire::StatusCode::kNotFound); });
  auto many = Open(kGet);
  Send(*many, Framed("one") + Framed("two"));
  Finish(*many);
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_TRUE(Streams()) << "an error, and a reply to two messages, say nothing of it";
  auto unary = Ask(kGet, "id-8");
  EXPECT_EQ(bypasses(core::Bypass::kStreamingMethod), 2u);
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_THAT(unary, IsOkWith(Framed("kettle")));
  EXPECT_FALSE(Streams());
  Reset(*herd[0]);
}

class UnaryCallTest : public CallTest {
 protected:
  UnaryCallTest() { collapse_.unary = true; }
};

TEST_F(UnaryCallTest, AnEndThatComesLateIsWaitedFor) {
  auto late = Open(kGet);
  Send(*late, Framed("id-7"));
  Advance(59'000);
  auto other = Ask(kGet, "id-7");
  Finish(*late);
  EXPECT_EQ(upstream_.calls(), 1u);
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  for (const auto& caller : {late, other}) EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
}

TEST_F(UnaryCallTest, OneWhoseEndDoesNotComeIsRelayedAfterRequestTimeout) {
  auto caller = Open(kGet);
  Send(*caller, Framed("id-7"));
  Advance(60'000);
  EXPECT_EQ(upstream_.latest().sent(), Framed("id-7"));
  EXPECT_EQ(bypasses(core::Bypass::kSlowRequest), 1u);
  Reset(*caller);
}

TEST_F(UnaryCallTest, ASecondMessageIsTheBackendsToJudge) {
  auto caller = Open(kGet);
  Send(*caller, Framed("one") + Framed("two"));
  EXPECT_EQ(upstream_.latest().sent(), Framed("one") + Framed("two"));
  Reset(*caller);
}

TEST_F(CallTest, ASecondMessageIsRelayedWithTheFirst) {
  auto caller = Open(kGet);
  Send(*caller, Framed("one"));
  EXPECT_EQ(upstream_.calls(), 0u);
  Send(*caller, Framed("two").substr(0, 3));
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(upstream_.latest().sent(), Framed("one") + Framed("two").substr(0, 3));
  EXPECT_EQ(bypasses(core::Bypass::kSecondMessage), 1u);
}

TEST_F(CallTest, ARequestThatIsNotOneMessageIsRelayedAsItIs) {
  auto empty = Open(kGet);
  Finish(*empty);
  EXPECT_EQ(upstream_.latest().sent(), "");
  EXPECT_TRUE(upstream_.latest().finished());
  auto cut_short = Open(kGet);
  Send(*cut_short, Framed("hello").substr(0, 7));
  Finish(*cut_short);
  EXPECT_EQ(upstream_.latest().sent(), Framed("hello").substr(0, 7));
  EXPECT_EQ(bypasses(core::Bypass::kNoMessage), 2u);
}

TEST_F(CallTest, ACallerThatLeavesBeforeItsRequestIsWholeCostsNothing) {
  auto caller = Open(kGet);
  Send(*caller, Framed("hello").substr(0, 7));
  Reset(*caller);
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 0u);
  EXPECT_EQ(metrics_.routes[0]->departed.value(), 1u);
}

TEST_F(CallTest, TheConnectionMayGoInAnyState) {
  auto collecting = Open(kGet);
  auto aboard = Ask(kGet, "id-8");
  auto herd = Stampede(3);
  auto relayed = Ask(kWatch, "hello");
  HangUp();
  for (const auto& caller : {collecting, aboard, herd[0], herd[1], herd[2], relayed}) {
    EXPECT_TRUE(caller->EndedAs(Closed::Why::kConnectionLost));
  }
  Connect();
}

}  // namespace
}  // namespace singleflight::proxy::testing
