// Two streams coupled: bytes, ends, resets and windows cross as they come.

#include "tests/proxy/proxy_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using Kind = core::UpstreamFailure::Kind;

using RelayTest = ProxyTest;

TEST_F(RelayTest, BytesCrossBothWaysAsTheyCome) {
  auto caller = Open(kWatch);
  ASSERT_EQ(upstream_.calls(), 1u) << "before the first byte";
  Send(*caller, "any");
  EXPECT_EQ(upstream_.latest().sent(), "any");
  Upstream([](FakeCall& call) {
    call.Begin({{"x-first", "1"}});
    call.Data("thing");
  });
  EXPECT_EQ(caller->body, "thing");
  EXPECT_THAT(caller->headers, Contains(Pair("x-first", "1")));
  Finish(*caller);
  EXPECT_TRUE(upstream_.latest().finished());
  Upstream([](FakeCall& call) { call.End({{"x-last", "2"}}); });
  EXPECT_THAT(caller->trailing, Contains(Pair("x-last", "2")));
}

// PITFALLS 25
TEST_F(RelayTest, ATrailersOnlyReplyStaysOneBlock) {
  auto caller = Ask(kWatch, "hello");
  Upstream([](FakeCall& call) {
    call.TrailersOnly(wire::StatusCode::kNotFound, {{"x-why", "sold"}});
  });
  EXPECT_TRUE(caller->ended);
  EXPECT_TRUE(caller->trailing.empty());
  EXPECT_EQ(StatusOf(*caller), "5");
}

// PITFALLS 31
TEST_F(RelayTest, AReplyBeforeTheRequestIsWholeIsDelivered) {
  auto caller = Open(kWatch);
  Send(*caller, "half");
  Upstream([](FakeCall& call) { call.Answer("enough"); });
  EXPECT_THAT(caller, IsOkWith(Framed("enough")));
  EXPECT_TRUE(caller->EndedAs(Closed::Why::kOrderly));
}

TEST_F(RelayTest, ACancellationCrosses) {
  auto caller = Ask(kWatch, "hello");
  Upstream([](FakeCall& call) { call.Begin(); });
  Reset(*caller);
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(metrics_.downstream->resets.value(), 1u);
}

TEST_F(RelayTest, AResetFromUpstreamCrossesWithItsCodeBehindTheData) {
  auto caller = Ask(kWatch, "hello");
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data("before");
    call.Fail(Kind::kReset);
  });
  EXPECT_EQ(caller->body, "before");
  ASSERT_TRUE(caller->EndedAs(Closed::Why::kReset));
  EXPECT_EQ(caller->closed->error, 8u);
}

TEST_F(RelayTest, ALostUpstreamIsAStatusBeforeTheReplyAndWithinIt) {
  auto before = Ask(kWatch, "hello");
  Upstream([](FakeCall& call) { call.Fail(Kind::kLost); });
  EXPECT_EQ(StatusOf(*before), "14");
  EXPECT_THAT(before->headers, Contains(Pair("grpc-message", HasSubstr("connection reset"))));
  auto within = Ask(kWatch, "hello");
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data("before");
    call.Fail(Kind::kLost);
  });
  EXPECT_EQ(within->body, "before");
  EXPECT_THAT(within->trailing, Contains(Pair("grpc-status", "14")));
}

// PITFALLS 13
TEST_F(RelayTest, ACallerMaySendNoMoreThanOneWindowAheadOfUpstream) {
  auto caller = Open(kWatch);
  Send(*caller, std::string(4 * kWindow, 'u'));
  EXPECT_EQ(upstream_.latest().sent().size(), kWindow);
  Upstream([](FakeCall& call) { call.Take(kWindow); });
  EXPECT_EQ(upstream_.latest().sent().size(), 2 * kWindow);
  for (int i = 0; i < 3; ++i) Upstream([](FakeCall& call) { call.Take(kWindow); });
  EXPECT_EQ(upstream_.latest().sent().size(), 4 * kWindow);
}

// PITFALLS 13
TEST_F(RelayTest, UpstreamMaySendNoMoreThanASlowCallerTakes) {
  auto caller = Open(kWatch);
  caller->consume = false;
  Upstream([](FakeCall& call) {
    call.Begin();
    for (int i = 0; i < 4; ++i) call.Data(std::string(kWindow / 2, 'd'));
  });
  EXPECT_EQ(caller->body.size(), kWindow);
  EXPECT_EQ(upstream_.latest().unconsumed(), kWindow) << "what waits here is upstream's window";
  caller->stream->Consume(kWindow);
  Settle();
  EXPECT_EQ(upstream_.latest().unconsumed(), 0u);
}

// PITFALLS 13
TEST_F(RelayTest, ASlowCallerDoesNotStallItsNeighbourOnTheSameConnection) {
  std::vector<std::shared_ptr<Ear>> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(Open(kWatch));
    slow.back()->consume = false;
    Upstream([](FakeCall& call) {
      call.Begin();
      call.Data(std::string(kWindow, 'd'));
    });
  }
  auto quick = Ask(kWatch, "hello");
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_THAT(quick, IsOkWith(Framed("kettle")));
}

// PITFALLS 13
TEST_F(RelayTest, AnUploadThatUpstreamDoesNotTakeDoesNotStallItsNeighbour) {
  std::vector<std::shared_ptr<Ear>> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(Open(kWatch));
    Send(*slow.back(), std::string(4 * kWindow, 'u'));
    EXPECT_EQ(upstream_.latest().sent().size(), kWindow);
  }
  Ask(kWatch, "hello");
  EXPECT_EQ(upstream_.latest().sent(), Framed("hello"));
}

TEST_F(RelayTest, BytesThatWereCollectedHoldNoWindow) {
  auto caller = Open(kGet);
  const std::string first = Framed(std::string(1000, 'm'));
  Send(*caller, first);
  Advance(20);
  Send(*caller, std::string(4 * kWindow, 'u'));
  EXPECT_LE(upstream_.latest().sent().size(), first.size() + kWindow);
  const size_t before = upstream_.latest().sent().size();
  Upstream([&](FakeCall& call) { call.Take(first.size()); });
  EXPECT_EQ(upstream_.latest().sent().size(), before) << "those bytes opened the window before";
  Upstream([](FakeCall& call) { call.Take(kWindow); });
  EXPECT_GT(upstream_.latest().sent().size(), before);
}

// A request's messages and time.

class StallingRequestTest : public RelayTest {
 protected:
  void SetUp() override {
    RelayTest::SetUp();
    Limits().stall_timeout = absl::Seconds(1);
  }

  // Upstream takes it immediately.
  void SendOn(Ear& caller, const std::string& bytes) {
    Send(caller, bytes);
    Upstream([&](FakeCall& call) { call.Take(bytes.size()); });
  }

  void ExpectEnded(const Ear& caller) {
    EXPECT_EQ(StatusOf(caller), "8");
    EXPECT_THAT(caller.headers, Contains(Pair("grpc-message", HasSubstr("stall_timeout"))));
    EXPECT_TRUE(upstream_.latest().cancelled());
    EXPECT_EQ(metrics_.downstream->bounds.of(http2::Bound::kRequestStall), 1u);
  }
};

// PITFALLS 27
TEST_F(StallingRequestTest, WhoBeginsAMessageAndStopsIsEnded) {
  auto caller = Open(kWatch);
  SendOn(*caller, Framed(std::string(100 << 10, 'x')).substr(0, 10 << 10));
  Advance(999);
  EXPECT_FALSE(caller->ended);
  Advance(1);
  ExpectEnded(*caller);
}

// PITFALLS 27
TEST_F(StallingRequestTest, WhoTricklesAMessageIsEnded) {
  auto caller = Open(kWatch);
  SendOn(*caller, Framed(std::string(100 << 10, 'x')).substr(0, 5));
  for (int i = 0; i < 10 && !caller->ended; ++i) {
    SendOn(*caller, "x");
    Advance(100);
  }
  ExpectEnded(*caller);
}

TEST_F(StallingRequestTest, WhoGoesOnIsNot) {
  auto caller = Open(kWatch);
  SendOn(*caller, Framed(std::string(50 << 10, 'x')).substr(0, 5));
  for (int i = 0; i < 10; ++i) {
    SendOn(*caller, std::string(5 << 10, 'x'));
    Advance(1000);
    ASSERT_FALSE(caller->ended);
  }
  Advance(100000);
  EXPECT_FALSE(caller->ended) << "the message is whole, and silence between two is allowed";
  SendOn(*caller, Framed("another").substr(0, 7));
  Advance(500);
  SendOn(*caller, Framed("another").substr(7) + Framed("a third").substr(0, 6));
  Advance(999);
  EXPECT_FALSE(caller->ended);
  Reset(*caller);
}

TEST_F(StallingRequestTest, WhomUpstreamHoldsUpIsNot) {
  auto caller = Open(kWatch);
  Send(*caller, Framed(std::string(100 << 10, 'x')).substr(0, 10 << 10));
  Advance(10000);
  EXPECT_FALSE(caller->ended);
  Reset(*caller);
}

TEST_F(RelayTest, WhatIsStillSentAfterTheReplyIsDropped) {
  auto caller = Open(kWatch);
  Upstream([](FakeCall& call) { call.TrailersOnly(wire::StatusCode::kPermissionDenied); });
  EXPECT_EQ(StatusOf(*caller), "7");
  EXPECT_TRUE(caller->closed.has_value());
}

}  // namespace
}  // namespace singleflight::proxy::testing
