// Callers whose leader was refused for a reason of its own: metadata, or its client's share.

#include "tests/proxy/proxy_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using Kind = core::UpstreamFailure::Kind;

class AskAgainTest : public ProxyTest {
 protected:
  // Upstream's side of the proxy does not send its latest call, for what is its caller's own.
  void RefuseLeader() {
    Upstream(
        [](FakeCall& call) { call.Fail(Kind::kCallersOwn, wire::StatusCode::kResourceExhausted); });
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

}  // namespace
}  // namespace singleflight::proxy::testing
