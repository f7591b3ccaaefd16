// What cannot be shared: the leader goes on, and followers go through the gate.

#include "tests/proxy/call_fixture.h"
#include "tests/wire/deflated.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

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

}  // namespace
}  // namespace singleflight::proxy::testing
