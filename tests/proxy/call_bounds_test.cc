// What a call may claim and hold, and what becomes of it past each bound.

#include "tests/proxy/call_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

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

}  // namespace
}  // namespace singleflight::proxy::testing
