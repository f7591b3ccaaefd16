// Replies larger than their client says to take: it is told so, and what they say is obeyed.

#include "tests/proxy/proxy_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr size_t kTaken = 1000;

class ClientLimitTest : public ProxyTest {
 protected:
  void SetUp() override {
    ProxyTest::SetUp();
    Take(kTaken);
  }

  void Take(size_t most) {
    HangUp();
    ConnectTaking(most);
  }

  static Fields Padded(size_t bytes) { return {{"x-pad", std::string(bytes, 'p')}}; }

  // So large that the block of FakeCall::Begin is just what the client takes.
  static Fields JustTaken() {
    constexpr size_t kBeside = (7 + 3 + 32) + (12 + 16 + 32) + (5 + 32);
    return Padded(kTaken - kBeside);
  }

  void ExpectTold(const Ear& caller) {
    EXPECT_TRUE(caller.ended) << "by a status, and not by its client";
    EXPECT_EQ(StatusOf(caller), "8");
    const Fields& block = caller.trailing.empty() ? caller.headers : caller.trailing;
    EXPECT_THAT(block, Contains(Pair("grpc-message", HasSubstr("the client takes (1000 bytes)"))));
    EXPECT_EQ(bounds(http2::Bound::kClientHeaders), ++told_);
  }

  uint64_t Invalidations() { return metrics_.routes[1]->invalidations.value(); }

  uint64_t told_ = 0;
};

// docs/semantics.md §5
TEST_F(ClientLimitTest, AWriteDropsItsGroupsAlthoughItsClientDoesNotTakeTheReply) {
  Fields fields = Padded(kTaken);
  fields.emplace_back("cache-group-invalidation", "\"kettles\"");
  auto caller = Ask(kWatch, "green");
  const uint64_t before = store_.sequence();
  Upstream([&](FakeCall& call) { call.Begin(fields); });
  ExpectTold(*caller);
  EXPECT_EQ(Invalidations(), 1u);
  EXPECT_GT(store_.sequence(), before);

  auto in_one_block = Ask(kWatch, "green");
  Upstream([&](FakeCall& call) { call.TrailersOnly(wire::StatusCode::kNotFound, fields); });
  ExpectTold(*in_one_block);
  EXPECT_THAT(in_one_block->headers, Contains(Pair("grpc-message", HasSubstr("NOT_FOUND"))));
  EXPECT_EQ(Invalidations(), 2u);

  auto in_trailers = Ask(kWatch, "green");
  Upstream([&](FakeCall& call) {
    call.Begin();
    call.End(fields);
  });
  ExpectTold(*in_trailers);
  EXPECT_EQ(Invalidations(), 3u);
}

TEST_F(ClientLimitTest, AnUpstreamCallWhoseReplyItsClientDoesNotTakeWasEndedByABound) {
  auto caller = Ask(kWatch, "hello");
  Upstream([](FakeCall& call) { call.Begin(Padded(kTaken)); });
  ExpectTold(*caller);
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(upstream_.latest().cancelled_for(), core::Unanswered::kBound);
}

TEST_F(ClientLimitTest, ALeaderThatGoesOnWithAReplyIsToldToo) {
  auto leader = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) {
    call.Begin(Padded(kTaken));
    call.Data(Framed("one"));
    call.Data(Framed("two"));
  });
  ExpectTold(*leader);
  EXPECT_EQ(upstream_.latest().cancelled_for(), core::Unanswered::kBound);
}

TEST_F(ClientLimitTest, WhatIsAddedToAReplyCounts) {
  auto relayed = Ask(kWatch, "hello");
  Upstream([](FakeCall& call) { call.Begin(JustTaken()); });
  Upstream([](FakeCall& call) { call.End(); });
  EXPECT_THAT(relayed, IsOkWith("")) << "nothing is added there";

  auto shared = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) {
    call.Begin(JustTaken());
    call.Data(Framed("kettle"));
    call.End();
  });
  ExpectTold(*shared);

  auto alone = Open(kGet);
  Finish(*alone);
  Upstream([](FakeCall& call) { call.Begin(JustTaken()); });
  ExpectTold(*alone);

  auto streams = Ask(kGet, "id-8");
  Upstream([](FakeCall& call) {
    call.Begin(JustTaken());
    call.Data(Framed("one"));
    call.Data(Framed("two"));
  });
  ExpectTold(*streams);
}

TEST_F(ClientLimitTest, WhoTakesLittleGetsAStatusOfTheProxysOwnWithoutItsMessage) {
  Take(200);
  auto early = Ask("/nobody.Knows/" + std::string(100, 'x'), "hello");
  ASSERT_TRUE(early->ended);
  EXPECT_EQ(StatusOf(*early), "12");
  auto late = Ask(kWatch, "hello");
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Fail(core::UpstreamFailure::Kind::kLost);
  });
  auto aboard = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) { call.Fail(core::UpstreamFailure::Kind::kUnreachable); });
  for (const Ear* caller : {&*late, &*aboard}) {
    ASSERT_TRUE(caller->ended);
    EXPECT_EQ(StatusOf(*caller), "14");
  }
}

}  // namespace
}  // namespace singleflight::proxy::testing
