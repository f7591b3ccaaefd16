// One call's life: collected, aboard a flight, released, relayed, and how it ends in each state.

#include "tests/proxy/proxy_fixture.h"
#include "tests/wire/deflated.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class CallTest : public ProxyTest {
 protected:
  // Callers aboard a flight whose reply turns out to stream: the first goes on with it, the second
  // is through the gate, the others wait before it.
  std::vector<std::shared_ptr<Ear>> Stampede(int callers) {
    std::vector<std::shared_ptr<Ear>> herd;
    for (int i = 0; i < callers; ++i) herd.push_back(Ask(kGet, "id-7"));
    Upstream([](FakeCall& call) {
      call.Begin();
      call.Data(Framed("one"));
      call.Data(Framed("two"));
    });
    return herd;
  }

  bool Streams() { return routes_.Find("", kGet)->Streams(kGet, loop_.Now()); }
};

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

// PITFALLS 29
TEST_F(CallTest, AMessageThatClaimsTwoGigabytesIsNotWaitedForInMemory) {
  auto caller = Open(kGet);
  Send(*caller, std::string("\0\x7f\xff\xff\xff", 5));
  for (int i = 0; i < 80 && upstream_.calls() == 0; ++i) Send(*caller, std::string(kWindow, 'x'));
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(bypasses(core::Bypass::kRequestTooLarge), 1u);
  EXPECT_LE(upstream_.latest().sent().size(), collapse_.max_request_bytes + 2 * kWindow);
}

// PITFALLS 29
TEST_F(CallTest, AMessageThatClaimsTooMuchIsRefusedBeforeAByteOfItGoesOn) {
  Limits().max_message_bytes = 100;
  auto collected = Open(kGet);
  Send(*collected, Framed(std::string(101, 'x')).substr(0, 7));
  EXPECT_EQ(StatusOf(*collected), "8");
  auto relayed = Open(kWatch);
  Send(*relayed, Framed(std::string(100, 'x')));
  EXPECT_FALSE(relayed->ended);
  const std::string before = upstream_.latest().sent();
  Send(*relayed, Framed(std::string(101, 'x')).substr(0, 5));
  EXPECT_EQ(StatusOf(*relayed), "8");
  EXPECT_THAT(relayed->headers, Contains(Pair("grpc-message", HasSubstr("max_message_bytes"))));
  EXPECT_EQ(upstream_.latest().sent(), before);
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(metrics_.downstream->bounds.of(http2::Bound::kMessageBytes), 2u);
}

// PITFALLS 29: a prefix in pieces, first in what was collected, then in what is relayed.
TEST_F(CallTest, AMessageThatClaimsTooMuchIsFoundWhereverItsPrefixIsSplit) {
  Limits().max_message_bytes = 100;
  for (size_t split = 1; split < 5; ++split) {
    auto caller = Open(kGet);
    const std::string second = Framed(std::string(101, 'x')).substr(0, 5);
    Send(*caller, Framed("one") + second.substr(0, split));
    ASSERT_FALSE(caller->ended) << split;
    Send(*caller, second.substr(split));
    EXPECT_EQ(StatusOf(*caller), "8") << split;
  }
}

// PITFALLS 27
TEST_F(CallTest, ARequestThatTricklesIsRelayedAfterAWhile) {
  auto caller = Open(kGet);
  for (int second = 0; second < 59; ++second) {
    if (second < 7) Send(*caller, Framed("hello world").substr(static_cast<size_t>(second), 1));
    Advance(1000);
  }
  EXPECT_EQ(upstream_.calls(), 0u);
  Advance(1000);
  ASSERT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(bypasses(core::Bypass::kSlowRequest), 1u);
  Send(*caller, Framed("hello world").substr(7));
  Finish(*caller);
  EXPECT_EQ(upstream_.latest().sent(), Framed("hello world"));
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
  auto next = Ask(kGet, "id-8");
  EXPECT_EQ(metrics_.routes[0]->leaders.value(), 1u) << "the method is not remembered";
  Reset(*next);
}

// PITFALLS 14
TEST_F(CallTest, PastMaxBufferedBytesNewCallsAreRefusedAndThoseAboardGoOn) {
  auto relayed = Open(kWatch);
  auto aboard = Ask(kGet, "id-7");
  budget_.set_max(0);
  auto refused = Ask(kGet, "id-7");
  EXPECT_EQ(StatusOf(*refused), "8");
  EXPECT_THAT(refused->headers, Contains(Pair("grpc-message", HasSubstr("max_buffered_bytes"))));
  EXPECT_EQ(StatusOf(*Ask(kWatch, "hello")), "8");
  EXPECT_EQ(metrics_.downstream->bounds.of(http2::Bound::kBufferedBytes), 2u);
  Send(*relayed, Framed("hello"));
  Upstream([](FakeCall& call) { call.Answer("enough"); });
  EXPECT_THAT(aboard, IsOkWith(Framed("enough")));
  upstream_.call(0).Answer("more");
  Settle();
  EXPECT_THAT(relayed, IsOkWith(Framed("more")));
  budget_.set_max(1 << 20);
  auto again = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_THAT(again, IsOkWith(Framed("kettle")));
}

// PITFALLS 14
TEST_F(CallTest, PastMaxBufferedBytesNoMoreIsCollected) {
  budget_.set_max(60 << 10);
  auto large = Open(kGet);
  Send(*large, Framed(std::string(200 << 10, 'x')).substr(0, 199 << 10));
  EXPECT_EQ(StatusOf(*large), "8");
  EXPECT_THAT(large->headers, Contains(Pair("grpc-message", HasSubstr("max_buffered_bytes"))));
  EXPECT_EQ(metrics_.routes[0]->refused.value(), 1u);
  auto next = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_THAT(next, IsOkWith(Framed("kettle"))) << "there is room again";
}

// PITFALLS 14
TEST_F(CallTest, PastMaxBufferedBytesARelayedRequestThatWaitsIsRefused) {
  auto relayed = Open(kWatch);
  auto aboard = Ask(kGet, "id-7");
  budget_.set_max(0);
  Send(*relayed, Framed(std::string(3 << 10, 'x')));
  EXPECT_TRUE(relayed->headers.empty()) << "a little may wait";
  Send(*relayed, Framed(std::string(3 << 10, 'x')));
  EXPECT_EQ(StatusOf(*relayed), "8");
  EXPECT_THAT(relayed->headers, Contains(Pair("grpc-message", HasSubstr("max_buffered_bytes"))));
  Reset(*aboard);
}

TEST_F(CallTest, ARelayedReplyThatIsLeftUnreadPastMaxBufferedBytesWasEndedByABound) {
  auto aboard = Ask(kGet, "id-7");
  auto relayed = Ask(kWatch, "hello");
  budget_.set_max(0);
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data(std::string(32 << 10, 'x'));
  });
  EXPECT_TRUE(relayed->EndedAs(Closed::Why::kReset));
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(upstream_.latest().cancelled_for(), core::Unanswered::kBound);
  EXPECT_EQ(bounds(http2::Bound::kBufferedBytes), 1u);
  Reset(*aboard);
}

TEST_F(CallTest, AFlightThatMaxBufferedBytesEndsWasEndedByABound) {
  auto aboard = Ask(kGet, "id-7");
  budget_.set_max(0);
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data(Framed(std::string(80 << 10, 'x')));
  });
  EXPECT_EQ(StatusOf(*aboard), "8");
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(upstream_.latest().cancelled_for(), core::Unanswered::kBound);
  EXPECT_EQ(metrics_.routes[0]->resource_exhausted.value(), 1u);
}

// docs/semantics.md §2
TEST_F(CallTest, PastItsShareOfMaxHeldBytesAClientLeadsNoFlight) {
  context_.client = std::make_shared<memory::Client>();
  shared_.max_held_bytes = 10'000;
  std::vector<std::shared_ptr<Ear>> aboard;
  for (const char id : {'a', 'b'}) aboard.push_back(Ask(kGet, std::string(1500, id)));
  auto refused = Ask(kGet, std::string(1500, 'c'));
  EXPECT_EQ(StatusOf(*refused), "8");
  EXPECT_THAT(refused->headers,
              Contains(Pair("grpc-message", HasSubstr("more than half of max_held_bytes"))));
  EXPECT_EQ(metrics_.downstream->bounds.of(http2::Bound::kClientShare), 1u);
  EXPECT_EQ(upstream_.calls(), 2u);
  aboard.push_back(Ask(kGet, std::string(1500, 'a')));
  for (size_t i = 0; i < 2; ++i) upstream_.call(i).Answer("kettle");
  Settle();
  for (const auto& caller : aboard) EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
}

// docs/semantics.md §6
TEST_F(CallTest, ATrailerBlockThatIsTooLargeIsRefusedByTheNameOfTheBound) {
  options_.max_header_list_bytes = 1000;
  Connect();
  for (const char* path : {kGet, kWatch}) {
    auto caller = Open(path);
    Send(*caller, Framed("hello"));
    caller->stream->Finish(http2::testing::Trailing({{"x-large", std::string(1000, 'a')}}));
    Settle();
    EXPECT_EQ(StatusOf(*caller), "8") << path;
    EXPECT_THAT(caller->headers,
                Contains(Pair("grpc-message", HasSubstr("limits.max_header_bytes"))));
  }
  EXPECT_EQ(upstream_.calls(), 1u);
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(metrics_.downstream->bounds.of(http2::Bound::kHeaderBytes), 2u);
}

// PITFALLS 14
TEST_F(CallTest, PastItsShareOfMaxBufferedBytesAClientsNewCallsAreRefused) {
  const auto greedy = std::make_shared<memory::Client>();
  context_.client = greedy;
  budget_.set_max(1 << 20);
  constexpr int64_t kOfOthers = 800 << 10;  // and of this one: a fake upstream holds nothing
  buffered_.Add(kOfOthers);
  for (int i = 0; i < 8; ++i) Send(*Open(kWatch), Framed(std::string(kWindow, 'x')));
  ASSERT_EQ(upstream_.calls(), 8u);
  auto refused = Ask(kWatch, "hello");
  EXPECT_EQ(StatusOf(*refused), "8");
  EXPECT_THAT(refused->headers,
              Contains(Pair("grpc-message",
                            AllOf(HasSubstr("of this client"), HasSubstr("max_buffered_bytes")))));
  EXPECT_EQ(metrics_.downstream->bounds.of(http2::Bound::kClientShare), 1u);
  for (size_t i = 0; i < 4; ++i) upstream_.call(i).Take(kWindow);
  buffered_.Add(-kOfOthers);
  Ask(kWatch, "hello");
  EXPECT_EQ(upstream_.calls(), 9u) << "there is room again";
  HangUp();
  EXPECT_EQ(greedy->buffered.load(), 0);
  Connect();
}

// PITFALLS 14
TEST_F(CallTest, WhatACallHoldsCountsForItsClientUntilItHasGone) {
  const auto client = std::make_shared<memory::Client>();
  context_.client = client;
  auto relayed = Ask(kWatch, std::string(1000, 'x'));
  relayed->consume = false;
  EXPECT_GE(client->buffered.load(), 1000);
  Upstream([](FakeCall& call) { call.Answer(std::string(2000, 'y')); });
  auto collected = Open(kGet);
  Send(*collected, Framed(std::string(3000, 'x')).substr(0, 2900));
  EXPECT_GE(client->buffered.load(), 2900);
  auto aboard = Ask(kGet, "id-7");
  HangUp();
  EXPECT_EQ(client->buffered.load(), 0);
  Connect();
}

// PITFALLS 14
TEST_F(CallTest, HeaderBlocksOfCallsCount) {
  const int64_t before = buffered();
  auto caller = Open(kGet, {{"x-large", std::string(20 << 10, 'x')}});
  EXPECT_GT(buffered() - before, 20 << 10);
  Reset(*caller);
  EXPECT_EQ(buffered(), before);
}

TEST_F(CallTest, ABodyThatManyShareCountsOnce) {
  std::vector<std::shared_ptr<Ear>> herd;
  for (int i = 0; i < 10; ++i) {
    herd.push_back(Ask(kGet, "id-7"));
    herd.back()->consume = false;
  }
  const std::string large(kWindow * 2, 'x');
  const int64_t before = buffered();
  Upstream([&large](FakeCall& call) { call.Answer(large); });
  const int64_t held = buffered() - before;
  EXPECT_GE(held, static_cast<int64_t>(large.size()));
  EXPECT_LE(held, static_cast<int64_t>(large.size()) * 5 / 4 + 4096) << "as malloc rounds it";
  for (const auto& caller : herd) Reset(*caller);
}

TEST_F(CallTest, ACallerThatLeavesBeforeItsRequestIsWholeCostsNothing) {
  auto caller = Open(kGet);
  Send(*caller, Framed("hello").substr(0, 7));
  Reset(*caller);
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 0u);
  EXPECT_EQ(metrics_.routes[0]->departed.value(), 1u);
}

// Deadlines, in each state.

TEST_F(CallTest, ADeadlineThatPassesWhileTheRequestIsCollected) {
  auto caller = Open(kGet, {{"grpc-timeout", "10m"}});
  Send(*caller, Framed("hello").substr(0, 7));
  Advance(10);
  EXPECT_EQ(StatusOf(*caller), "4");
  EXPECT_TRUE(caller->ended);
  EXPECT_EQ(upstream_.calls(), 0u);
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

// What cannot be shared.

TEST_F(CallTest, TheLeaderGoesOnWithAReplyThatStreams) {
  auto herd = Stampede(1);
  EXPECT_EQ(herd[0]->body, Framed("one") + Framed("two"));
  Upstream([](FakeCall& call) {
    call.Data(Framed("three"));
    call.End({{"x-last", "2"}});
  });
  EXPECT_THAT(herd[0], IsOkWith(Framed("one") + Framed("two") + Framed("three")));
}

// PITFALLS 11
TEST_F(CallTest, ReleasedFollowersGoThroughTheGateInOrderAndOneByOne) {
  auto herd = Stampede(4);
  FakeCall& stream = upstream_.call(0);
  for (size_t i = 1; i < 4; ++i) {
    ASSERT_EQ(upstream_.calls(), i + 1) << "one at a time";
    EXPECT_EQ(upstream_.latest().sent(), Framed("id-7"));
    EXPECT_TRUE(upstream_.latest().finished());
    Upstream([i](FakeCall& call) { call.Answer(std::to_string(i)); });
    EXPECT_THAT(herd[i], IsOkWith(Framed(std::to_string(i)))) << "in order of arrival";
  }
  stream.End();
  Settle();
  EXPECT_TRUE(herd[0]->ended);
}

TEST_F(CallTest, ReleasedFollowersDoNotWaitForTheEndOfRepliesThatStream) {
  auto herd = Stampede(4);
  for (size_t i = 1; i < 4; ++i) {
    ASSERT_EQ(upstream_.calls(), i + 1) << "one at a time";
    Upstream([](FakeCall& call) { call.Begin(); });
  }
  for (size_t i = 0; i < 4; ++i) {
    upstream_.call(i).End();
    Settle();
    EXPECT_TRUE(herd[i]->ended);
  }
}

// PITFALLS 14
TEST_F(CallTest, NothingIsLeftOfWhoLeavesBeforeTheGate) {
  auto herd = Stampede(3);
  const int64_t before = buffered();
  Reset(*herd[2]);
  EXPECT_LT(buffered(), before);
  EXPECT_EQ(shared_.release_gate->queued(), 0u);
}

// PITFALLS 14: one copy for all of them.
TEST_F(CallTest, TheRequestOfThoseBeforeTheGateIsHeldUntilTheLastHasLeft) {
  const std::string large(100 << 10, 'x');
  std::vector<std::shared_ptr<Ear>> herd;
  for (int i = 0; i < 4; ++i) herd.push_back(Ask(kGet, large));
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data(Framed("one") + Framed("two"));
  });
  ASSERT_EQ(shared_.release_gate->queued(), 2u);
  Reset(*herd[0]);
  for (const size_t leaves : {2u, 3u}) {
    EXPECT_GT(shared_.held_bytes.load(), 100 << 10) << leaves;
    EXPECT_LT(shared_.held_bytes.load(), 110 << 10) << leaves;
    Reset(*herd[leaves]);
  }
  EXPECT_EQ(shared_.held_bytes.load(), 0);
  Reset(*herd[1]);
}

TEST_F(CallTest, AWaitBeforeTheGateEndsAtFlightTimeoutAndSaysSo) {
  auto herd = Stampede(3);
  Advance(14'999);
  EXPECT_FALSE(herd[2]->ended);
  Advance(1);
  EXPECT_EQ(StatusOf(*herd[2]), "8");
  EXPECT_THAT(herd[2]->headers,
              Contains(Pair("grpc-message", AllOf(HasSubstr("'catalog'"), HasSubstr("(15s)"),
                                                  HasSubstr("release_concurrency (1)")))));
  EXPECT_EQ(metrics_.routes[0]->release_refusals.of(core::GateRefusal::kFlightTimeout), 1u);
  EXPECT_FALSE(herd[1]->ended) << "it is through";
  EXPECT_EQ(shared_.release_gate->queued(), 0u);
  for (size_t i : {0u, 1u}) Reset(*herd[i]);
}

TEST_F(CallTest, ReleasedCallsThatHangHoldUpNobodyOfAnotherKey) {
  auto stuck = Stampede(3);
  const char kList[] = "/shop.Catalog/List";
  auto leader = Ask(kList, "id-7");
  auto others = {Ask(kList, "id-7"), Ask(kList, "id-7")};
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data(Framed("one") + Framed("two"));
    call.End();
  });
  Advance(1000);
  for (const auto& caller : others) {
    Upstream([](FakeCall& call) { call.Answer("kettle"); });
    EXPECT_THAT(caller, IsOkWith(Framed("kettle")));
  }
  for (const auto& caller : stuck) {
    EXPECT_FALSE(caller->ended);
    Reset(*caller);
  }
}

TEST_F(CallTest, ReleasedFollowersThatLeaveMakeRoomForTheNext) {
  auto herd = Stampede(4);
  Reset(*herd[2]);  // waits
  Reset(*herd[1]);  // is through
  ASSERT_EQ(upstream_.calls(), 3u);
  Upstream([](FakeCall& call) { call.Answer("mine"); });
  EXPECT_THAT(herd[3], IsOkWith(Framed("mine")));
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

// Callers that encode differently.

// PITFALLS 22
TEST_F(CallTest, AFollowerWhoDoesNotAcceptTheEncodingGetsTheReplyDecoded) {
  auto leader = Ask(kGet, "id-7", {{"grpc-accept-encoding", "gzip"}});
  auto follower = Ask(kGet, "id-7");
  ASSERT_EQ(upstream_.calls(), 1u);
  const std::string compressed = Framed(wire::Deflated(wire::Encoding::kGzip, "blue kettle"), true);
  Upstream([&compressed](FakeCall& call) {
    call.Begin({{"grpc-encoding", "gzip"}});
    call.Data(compressed);
    call.End();
  });
  EXPECT_THAT(leader, IsOkWith(compressed));
  EXPECT_THAT(leader->headers, Contains(Pair("grpc-encoding", "gzip")));
  EXPECT_THAT(follower, IsOkWith(Framed("blue kettle")));
  EXPECT_THAT(follower->headers, Not(Contains(Pair("grpc-encoding", "gzip"))));
  EXPECT_THAT(follower->headers,
              Contains(Pair("cache-status", "singleflight; fwd=uri-miss; collapsed")));
  EXPECT_EQ(metrics_.routes[0]->saved.value(), 1u);
}

// PITFALLS 22
TEST_F(CallTest, FollowersWhoCannotReadTheReplyGoThroughTheGateOneByOne) {
  auto leader = Ask(kGet, "id-7", {{"grpc-accept-encoding", "snappy"}});
  auto second = Ask(kGet, "id-7");
  auto third = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) {
    call.Begin({{"grpc-encoding", "snappy"}});
    call.Data(Framed("??", true));
    call.End();
  });
  EXPECT_THAT(leader, IsOkWith(Framed("??", true)));
  for (const auto& caller : {second, third}) {
    EXPECT_FALSE(caller->ended);
    EXPECT_EQ(upstream_.live(), 1u);
    EXPECT_EQ(upstream_.latest().sent(), Framed("id-7"));
    Upstream([](FakeCall& call) { call.Answer("blue kettle"); });
    EXPECT_THAT(caller, IsOkWith(Framed("blue kettle")));
    EXPECT_THAT(caller->headers,
                Contains(Pair("cache-status", "singleflight; fwd=bypass; detail=reply_encoding")));
  }
  EXPECT_EQ(metrics_.routes[0]->saved.value(), 0u);
  EXPECT_EQ(metrics_.routes[0]->released.of(core::Release::kReplyEncoding), 2u);
}

// Refusals.

TEST_F(CallTest, WhatIsNoGrpcCallIsRefusedInItsOwnTerms) {
  struct Row {
    Fields fields;
    const char* status;
  };
  const Fields good = http2::testing::RequestFields(kGet);
  const auto with = [&](const std::string& name, const std::string& value) {
    Fields fields;
    for (const auto& field : good) {
      fields.emplace_back(field.first, field.first == name ? value : field.second);
    }
    return fields;
  };
  const Row rows[] = {{with("content-type", "application/json"), "415"},
                      {with("content-type", "application/grpcx"), "415"},
                      {with(":method", "GET"), "405"},
                      {with(":method", "PUT"), "405"}};
  for (const Row& row : rows) {
    auto caller = std::make_shared<Ear>();
    caller->stream = &client_->Open(http2::testing::Block(row.fields), caller);
    Settle();
    ASSERT_TRUE(caller->ended);
    EXPECT_THAT(caller->headers.front(), Pair(":status", row.status));
  }
  EXPECT_EQ(refused(model::Refused::kContentType), 2u);
  EXPECT_EQ(refused(model::Refused::kMethod), 2u);
  EXPECT_EQ(upstream_.calls(), 0u);
}

TEST_F(CallTest, PathsThatNameNoMethodAreUnimplemented) {
  for (const char* path : {"/shop.Catalog/Get?x", "/shop.Catalog", "/a/../b", "/shop.Catalog/%47et",
                           "/nobody.Knows/This"}) {
    auto caller = Open(path);
    ASSERT_TRUE(caller->ended) << path;
    EXPECT_EQ(StatusOf(*caller), "12") << path;
  }
  EXPECT_EQ(metrics_.downstream->requests_unrouted.value(), 1u);
}

TEST_F(CallTest, ObsTextInTheAuthorityResetsTheStream) {
  Fields fields = http2::testing::RequestFields(kGet);
  fields[3].second = "sh\xc3\xb6p:1";
  auto caller = std::make_shared<Ear>();
  caller->stream = &client_->Open(http2::testing::Block(fields), caller);
  Settle();
  ASSERT_TRUE(caller->EndedAs(Closed::Why::kReset));
  EXPECT_EQ(caller->closed->error, 1u);
  EXPECT_EQ(refused(model::Refused::kAuthority), 1u);
}

TEST_F(CallTest, EveryRefusalIsCountedByItsReason) {
  Open(kGet, {{"host", "elsewhere:1"}});
  Open(kGet, {{"grpc-timeout", "123456789m"}});
  Open("/shop.Catalog");
  EXPECT_EQ(refused(model::Refused::kHost), 1u);
  EXPECT_EQ(refused(model::Refused::kTimeout), 1u);
  EXPECT_EQ(refused(model::Refused::kPath), 1u);
}

TEST_F(CallTest, AMalformedTimeoutIsAnError) {
  auto caller = Open(kGet, {{"grpc-timeout", "123456789m"}});
  EXPECT_EQ(StatusOf(*caller), "13");
}

// PITFALLS 35
TEST_F(CallTest, OnlyResetsThatCostAnUpstreamCallCount) {
  options_.reset_allowance = 3;
  HangUp();
  Connect();
  for (int i = 0; i < 100; ++i) Reset(*Open(kGet));
  EXPECT_THAT(host_.bounds, ::testing::IsEmpty());
  for (int i = 0; i < 3; ++i) Reset(*Ask(kWatch, "hello"));
  EXPECT_THAT(host_.bounds, ::testing::IsEmpty());
  Reset(*Ask(kWatch, "hello"), ErrorCode::kNoError);
  EXPECT_THAT(host_.bounds, ::testing::ElementsAre(http2::Bound::kResetAllowance));
}

// PITFALLS 27
TEST_F(CallTest, DeadlinesThatWasteAnUpstreamCallCountLikeResets) {
  options_.reset_allowance = 3;
  HangUp();
  Connect();
  for (int i = 0; i < 3; ++i) {
    auto caller = Ask(kWatch, "hello", {{"grpc-timeout", "1m"}});
    Advance(1);
    EXPECT_EQ(StatusOf(*caller), "4");
  }
  EXPECT_THAT(host_.bounds, ::testing::IsEmpty());
  Ask(kWatch, "hello", {{"grpc-timeout", "1m"}});
  Advance(1);
  EXPECT_THAT(host_.bounds, ::testing::ElementsAre(http2::Bound::kResetAllowance));
}

TEST_F(CallTest, APathIsShownShort) {
  auto caller = Ask("/none/" + std::string(5000, 'x'), "hello");
  EXPECT_EQ(StatusOf(*caller), "12");
  for (const auto& [name, value] : caller->headers) EXPECT_LT(value.size(), 400u) << name;
}

}  // namespace
}  // namespace singleflight::proxy::testing
