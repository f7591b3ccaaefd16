// What one client does, and what of it concerns others aboard the same flight.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

class PartiesTest : public ReadPathTest {
 protected:
  TestWaiter& AskAs(const std::shared_ptr<memory::Client>& client, size_t loop = 0) {
    client_ = client;
    return AskOn(loop, "id-7");
  }

  uint64_t Released(Release why) { return metrics().released.of(why); }

  const std::shared_ptr<memory::Client> ann_ = std::make_shared<memory::Client>();
  const std::shared_ptr<memory::Client> bob_ = std::make_shared<memory::Client>();
};

TEST_F(PartiesTest, ACallThatAnotherClientWantsTooIsNobodysWhereverHeAsks) {
  for (size_t loop : {0, 1}) {
    AskAs(ann_);
    EXPECT_EQ(upstream_.latest().head().client, ann_);
    AskAs(ann_, loop);
    Settle();
    EXPECT_FALSE(upstream_.latest().disowned());
    AskAs(bob_, loop);
    Settle();
    EXPECT_TRUE(upstream_.latest().disowned());
    Answer("blue kettle");
  }
}

TEST_F(PartiesTest, NobodyIsToldOfACallThatHasLeft) {
  AskAs(ann_);
  upstream_.latest().Take(1);
  AskAs(bob_, 1);
  EXPECT_EQ(loops_[0].posted(), 0u);
  Answer("blue kettle");
}

TEST_F(PartiesTest, WhatIsSentAgainIsNobodysFromTheStart) {
  AskAs(ann_);
  upstream_.latest().Take(1);
  AskAs(bob_);
  upstream_.latest().Fail(UpstreamFailure::Kind::kLost);
  ASSERT_EQ(upstream_.calls(), 2u);
  EXPECT_EQ(upstream_.latest().head().client, nullptr);
  Answer("blue kettle");
}

TEST_F(PartiesTest, ARefusalThatIsTheLeadersOwnReleasesTheOthers) {
  const TestWaiter& leader = AskAs(ann_);
  const TestWaiter& here = AskAs(ann_);
  const TestWaiter& there = AskAs(bob_, 1);
  upstream_.latest().Fail(UpstreamFailure::Kind::kCallersOwn, wire::StatusCode::kResourceExhausted);
  Settle();
  EXPECT_THAT(leader.reply(), IsStatus(wire::StatusCode::kResourceExhausted, "'catalog'"));
  EXPECT_TRUE(here.released());
  EXPECT_TRUE(there.released());
  EXPECT_EQ(there.released_with(), Framed("id-7"));
  EXPECT_EQ(Released(Release::kLeaderRefused), 2u);
}

TEST_F(PartiesTest, ARefusalOfALeaderWhoHasLeftIsNobodys) {
  TestWaiter& leader = AskAs(ann_);
  const TestWaiter& other = AskAs(bob_);
  Leave(leader);
  upstream_.latest().Fail(UpstreamFailure::Kind::kCallersOwn);
  EXPECT_TRUE(other.released());
}

}  // namespace
}  // namespace singleflight::core
