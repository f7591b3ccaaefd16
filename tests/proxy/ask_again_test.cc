// Callers whose leader was refused for a reason of its own: metadata, or its client's share.

#include "tests/proxy/proxy_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::Contains;
using ::testing::Pair;
using Kind = core::UpstreamFailure::Kind;

class AskAgainTest : public ProxyTest {
 protected:
  AskAgainTest() {
    cache_ = cache::FreshnessRules();
    cache_->ttl = absl::Seconds(5);
    collapse_.max_reply_bytes = 1000;
  }

  // Upstream's side of the proxy does not send its latest call, for what is its caller's own.
  void RefuseLeader() { Refuse(upstream_.latest()); }
  void Refuse(FakeCall& call) {
    call.Fail(Kind::kCallersOwn, wire::StatusCode::kResourceExhausted);
    Settle();
  }

  // A leader and two that follow it, whose flight takes no newcomers any more: the next caller
  // starts another. What has become of that one, they find when they ask again.
  std::vector<std::shared_ptr<Ear>> Superseded() {
    std::vector<std::shared_ptr<Ear>> herd = {Ask(kGet, "id-7"), Ask(kGet, "id-7"),
                                              Ask(kGet, "id-7")};
    Advance(static_cast<int>(absl::ToInt64Milliseconds(collapse_.max_join_age)) + 1);
    return herd;
  }

  // Their leader is refused, and upstream answers the others one after the other.
  void ExpectOneByOneAfterRefusal(const std::vector<std::shared_ptr<Ear>>& herd) {
    Refuse(upstream_.call(0));
    EXPECT_EQ(StatusOf(*herd[0]), "8");
    for (size_t i = 1; i < herd.size(); ++i) {
      ASSERT_EQ(upstream_.live(), 1u);
      Upstream([](FakeCall& call) { call.Answer("blue kettle"); });
      EXPECT_THAT(herd[i], IsOkWith(Framed("blue kettle")));
      EXPECT_THAT(
          herd[i]->headers,
          Contains(Pair("cache-status", "singleflight; fwd=bypass; detail=leader_refused")));
    }
    EXPECT_EQ(upstream_.live(), 0u);
  }
};

TEST_F(AskAgainTest, TheOthersShareAnotherCallThatOneOfThemLeads) {
  auto refused = Ask(kGet, "id-7", {{"x-request-id", "long"}});
  auto second = Ask(kGet, "id-7", {{"x-request-id", "short"}});
  auto third = Ask(kGet, "id-7");
  RefuseLeader();
  EXPECT_EQ(StatusOf(*refused), "8");
  ASSERT_EQ(upstream_.calls(), 2u);
  EXPECT_EQ(upstream_.latest().head().request->fields().Find("x-request-id"), "short");
  EXPECT_EQ(upstream_.latest().sent(), Framed("id-7"));
  Upstream([](FakeCall& call) { call.Answer("blue kettle"); });
  EXPECT_THAT(second, IsOkWith(Framed("blue kettle")));
  EXPECT_THAT(third, IsOkWith(Framed("blue kettle")));
}

TEST_F(AskAgainTest, NobodyAsksAThirdTime) {
  std::vector<std::shared_ptr<Ear>> herd;
  for (int i = 0; i < 4; ++i) herd.push_back(Ask(kGet, "id-7"));
  RefuseLeader();
  RefuseLeader();
  EXPECT_EQ(StatusOf(*herd[0]), "8");
  EXPECT_EQ(StatusOf(*herd[1]), "8");
  for (size_t i : {2, 3}) {  // one after the other, through the gate
    EXPECT_EQ(upstream_.live(), 1u);
    Upstream([](FakeCall& call) { call.Answer("blue kettle"); });
    EXPECT_THAT(herd[i], IsOkWith(Framed("blue kettle")));
  }
  EXPECT_EQ(upstream_.calls(), 4u);
}

TEST_F(AskAgainTest, WhoAsksAgainCanLeave) {
  auto refused = Ask(kGet, "id-7");
  auto second = Ask(kGet, "id-7");
  RefuseLeader();
  EXPECT_EQ(upstream_.live(), 1u);
  Reset(*second);
  EXPECT_EQ(upstream_.live(), 0u);
}

TEST_F(AskAgainTest, WhatIsKeptMeanwhileAnswersThem) {
  auto herd = Superseded();
  auto newer = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) { call.Answer("blue kettle"); });
  Refuse(upstream_.call(0));
  EXPECT_THAT(herd[1], IsOkWith(Framed("blue kettle")));
  EXPECT_THAT(herd[2], IsOkWith(Framed("blue kettle")));
  EXPECT_EQ(upstream_.calls(), 2u);
}

TEST_F(AskAgainTest, WhoCannotReadWhatIsKeptGoesThroughTheGate) {
  auto herd = Superseded();
  auto newer = Ask(kGet, "id-7", {{"grpc-accept-encoding", "snappy"}});
  Upstream([](FakeCall& call) {
    call.Begin({{"grpc-encoding", "snappy"}});
    call.Data(Framed("??", true));
    call.End();
  });
  ASSERT_EQ(metrics_.routes[0]->stores.value(), 1u);
  ExpectOneByOneAfterRefusal(herd);
}

TEST_F(AskAgainTest, TheirMethodStreamsMeanwhileSoTheyGoThroughTheGate) {
  auto herd = Superseded();
  auto newer = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) {
    call.Begin();
    call.Data(Framed("one") + Framed("two"));
    call.End();
  });
  ASSERT_TRUE(routes_.Find("", kGet)->Streams(kGet, loop_.Now()));
  ExpectOneByOneAfterRefusal(herd);
}

TEST_F(AskAgainTest, TheirRepliesAreTooLargeMeanwhileSoTheyGoThroughTheGate) {
  auto herd = Superseded();
  auto newer = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) { call.Answer(std::string(2000, 'x')); });
  ExpectOneByOneAfterRefusal(herd);
}

// Requests of one key may differ in what is ignored of them; then each caller asks what it asked.
class OwnMessageTest : public AskAgainTest {
 protected:
  OwnMessageTest() { key_.ignored_fields = {{1}}; }

  // A request with an id in field 1, and what is asked in field 2.
  static std::string WithId(char id) { return {0x0a, 0x01, id, 0x12, 0x01, 'p'}; }

  std::vector<std::shared_ptr<Ear>> herd_ = {};
};

TEST_F(OwnMessageTest, WhoeverAsksAgainOrForItselfSendsItsOwn) {
  for (char id : {'a', 'b', 'c'}) herd_.push_back(Ask(kGet, WithId(id)));
  EXPECT_EQ(upstream_.latest().sent(), Framed(WithId('a')));
  RefuseLeader();
  EXPECT_EQ(upstream_.latest().sent(), Framed(WithId('b')));
  RefuseLeader();
  EXPECT_EQ(upstream_.latest().sent(), Framed(WithId('c')));
  Upstream([](FakeCall& call) { call.Answer("blue kettle"); });
  EXPECT_THAT(herd_[2], IsOkWith(Framed("blue kettle")));
}

TEST_F(OwnMessageTest, WhoeverGetsAReplyKeepsNoMessage) {
  for (char id : {'a', 'b'}) herd_.push_back(Ask(kGet, WithId(id)));
  EXPECT_GT(buffered(), 0);
  Upstream([](FakeCall& call) { call.Answer("blue kettle"); });
  EXPECT_THAT(herd_[1], IsOkWith(Framed("blue kettle")));
  EXPECT_EQ(upstream_.calls(), 1u);
  EXPECT_EQ(buffered(), 0);
}

}  // namespace
}  // namespace singleflight::proxy::testing
