// Replies that are kept, and who gets them.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using ::testing::ElementsAre;
using Source = core::Answer::Source;

// Does something from within its answer.
class Impatient final : public Waiter {
 public:
  Impatient(ReadPath& path, std::function<void()> then) : Waiter(path), then_(std::move(then)) {}

 private:
  void OnAnswer(const Answer&, Counted) override { then_(); }
  absl::optional<Asker> asker() const override { return absl::nullopt; }
  void OnTakeover(Takeover) override {}
  void OnReleased(const Question&, Release) override {}

  const std::function<void()> then_;
};

class CachedTest : public ReadPathTest {
 protected:
  CachedTest() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }

  size_t Entries() { return store_.TakeCensus().entries; }
};

TEST_F(CachedTest, AReplyThatIsKeptIsServedWithoutUpstream) {
  Ask("id-7");
  Answer("blue kettle");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("blue kettle"));
  EXPECT_THAT(AskOn(2, "id-7").reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(metrics().stores.value(), 1);
}

// PITFALLS 12
TEST_F(CachedTest, AHitIsAllThatUpstreamSent) {
  const model::Reply& first = Ask("id-7").reply();
  Answer("blue kettle", {{"x-served-by", "a"}, {"x-served-by", "b"}}, {{"x-cost", "3"}});
  const model::Reply& hit = Ask("id-7").reply();
  EXPECT_EQ(hit.initial.packed(), first.initial.packed());
  EXPECT_EQ(hit.body, first.body);
  EXPECT_EQ(hit.trailing.packed(), first.trailing.packed());
}

// PITFALLS 15
TEST_F(CachedTest, PushbackIsNotReplayedToLaterCallers) {
  Ask("id-7");
  Answer("blue kettle", {{"grpc-retry-pushback-ms", "50"}, {"x-cost", "3"}});
  EXPECT_FALSE(Ask("id-7").reply().Has("grpc-retry-pushback-ms"));
  EXPECT_TRUE(waiters_.back().reply().Has("x-cost"));
}

TEST_F(CachedTest, EveryoneIsToldHowHeCameByHisReply) {
  Ask("id-7");
  AskOn(1, "id-7");
  Answer("blue kettle");
  Ask("id-7");
  Ask("id-8");
  Answer("red kettle", {{"cache-control", "no-store"}});
  std::vector<Source> sources;
  for (const TestWaiter& waiter : waiters_) sources.push_back(waiter.answer().source);
  EXPECT_THAT(sources,
              ElementsAre(Source::kStored, Source::kCollapsed, Source::kHit, Source::kForwarded));
}

TEST_F(CachedTest, CallsThatDifferFindNothingOfEachOther) {
  Ask("id-7");
  Answer("blue kettle");
  Ask("id-8");
  Answer("red kettle");
  Ask("id-7", {}, "/shop.Catalog/List");
  Answer("a list");
  Ask("id-7", {{"authorization", "ann"}});
  Answer("ann's");
  EXPECT_EQ(upstream_.calls(), 4);
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("blue kettle"));
}

TEST_F(CachedTest, AReplyIsKeptUntilItsTtlHasPassed) {
  Ask("id-7");
  Answer("blue kettle");
  Advance(4999);
  EXPECT_EQ(Ask("id-7").answer().source, Source::kHit);
  Advance(1);
  Ask("id-7");
  Answer("red kettle");
  EXPECT_EQ(upstream_.calls(), 2);
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("red kettle"));
  EXPECT_EQ(store_.TakeCensus().gone[static_cast<size_t>(cache::Gone::kExpired)], 1);
}

TEST_F(CachedTest, AReplyMayShortenOrLengthenItsTime) {
  Ask("short");
  Answer("blue kettle", {{"cache-control", "max-age=2"}});
  Ask("long");
  Answer("red kettle", {}, {{"cache-control", "max-age=20"}});
  Advance(2000);
  EXPECT_FALSE(Look("short").reply);
  Advance(17'999);
  EXPECT_TRUE(Look("long").reply);
  Advance(1);
  EXPECT_FALSE(Look("long").reply);
}

// RFC 9111 §4.2.3
TEST_F(CachedTest, TheAgeThatAReplyComesWithIsAddedIn) {
  Ask("id-7");
  Answer("blue kettle", {{"age", "3"}, {"cache-control", "max-age=10"}});
  Advance(2000);
  const core::Answer& hit = Ask("id-7").answer();
  EXPECT_EQ(loops_[0].Now() - hit.lifespan.born, std::chrono::seconds(5));
  EXPECT_EQ(hit.lifespan.expires - loops_[0].Now(), std::chrono::seconds(5));
  EXPECT_FALSE(hit.reply.Has("age"));  // each caller gets its own
}

// RFC 9111 §5.1
TEST_F(CachedTest, TheFirstMemberOfAnAgeIsReadInEitherBlock) {
  const std::vector<std::pair<Fields, Fields>> said = {{{{"age", "3, 100"}}, {}},
                                                       {{{"age", " 3"}}, {}},
                                                       {{{"age", "3"}, {"age", "4"}}, {}},
                                                       {{}, {{"age", "3"}}},
                                                       {{{"age", "1"}}, {{"age", "\t3 ,9"}}}};
  for (const auto& [initial, trailing] : said) {
    const TestWaiter& caller = Ask(absl::StrCat("id-", upstream_.calls()));
    Answer("blue kettle", initial, trailing);
    EXPECT_EQ(loops_[0].Now() - caller.answer().lifespan.born, std::chrono::seconds(3));
    EXPECT_FALSE(caller.reply().Has("age"));
  }
  Advance(2000);
  EXPECT_EQ(Entries(), 5);
  EXPECT_FALSE(Look("id-0").reply);
}

TEST_F(CachedTest, FollowersAndTheLeaderAreToldTheAgeThatTheReplyCameWith) {
  const TestWaiter& leader = Ask("id-7");
  const TestWaiter& follower = AskOn(1, "id-7");
  Answer("blue kettle", {{"age", "3"}});
  for (const TestWaiter* waiter : {&leader, &follower}) {
    EXPECT_EQ(loops_[0].Now() - waiter->answer().lifespan.born, std::chrono::seconds(3));
    EXPECT_FALSE(waiter->reply().Has("age"));
  }
}

TEST_F(CachedTest, WhoAsksAgainTheMomentHeIsAnsweredFindsWhatWasKept) {
  Impatient impatient(paths(0), [this] { Ask("id-7"); });
  Serve(route(), impatient, "id-7", RequestFor(kGet, {}));
  Answer("blue kettle");
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(waiters_.back().answer().source, Source::kHit);
}

// A flight may store and land between the look and the join of a newcomer.
TEST_F(CachedTest, WhoLeadsLooksOnceMore) {
  const TestWaiter& late = AskMeanwhile("id-7", [this] {
    AskOn(1, "id-7");
    Answer("blue kettle");
  });
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(late.answer().source, Source::kHit);
  EXPECT_THAT(late.reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(flights_.flights(), 0);
}

TEST_F(CachedTest, AnAbandonedFlightThatFinishesFillsTheCache) {
  collapse_->on_abandon = OnAbandon::kComplete;
  Leave(Ask("id-7"));
  Settle();
  Answer("blue kettle");
  EXPECT_EQ(Ask("id-7").answer().source, Source::kHit);
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(CachedTest, AnAbandonedFlightThatIsCancelledKeepsNothing) {
  Leave(Ask("id-7"));
  Settle();
  upstream_.latest().Answer("too late");
  EXPECT_EQ(Entries(), 0);
}

TEST_F(CachedTest, AReplyThatIsWholeBeforeItsAbandonedFlightIsCancelledIsKept) {
  Leave(Ask("id-7"));
  upstream_.latest().Answer("in time");  // before the loop runs the task
  Settle();
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("in time"));
}

TEST_F(CachedTest, ASupersededFlightIsKeptUntilItsSuccessorIs) {
  const TestWaiter& early = Ask("id-7");
  Advance(1001);
  Ask("id-7");
  upstream_.call(0).Answer("old");
  EXPECT_THAT(early.reply(), IsOkWith("old"));
  EXPECT_EQ(early.answer().source, Source::kStored);
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("old"));
  upstream_.call(1).Answer("new");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("new"));
  EXPECT_EQ(upstream_.calls(), 2);
}

// PITFALLS 32
TEST_F(CachedTest, AFlightThatLandsAfterItsSuccessorLeavesTheNewerReplyAlone) {
  Ask("id-7");
  Advance(1001);
  Ask("id-7");
  upstream_.call(1).Answer("new");
  upstream_.call(0).Answer("old");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("new"));
  EXPECT_EQ(Refused(cache::Refusal::kSuperseded), 1);
}

// PITFALLS 33
TEST_F(CachedTest, ARouteWithOtherKeyRulesFindsNothingOfThisOne) {
  rules_.names = {"x-tenant"};  // ignored
  Route& other = OtherRoute({});
  Ask("id-7", {{"x-tenant", "ann"}});
  Answer("ann's");
  AskUnder(other, 0, "id-7", {{"x-tenant", "bob"}});
  Answer("bob's");
  AskUnder(other, 0, "id-7");
  Answer("nobody's");
  EXPECT_EQ(upstream_.calls(), 3);
  EXPECT_THAT(Ask("id-7", {{"x-tenant", "cid"}}).reply(), IsOkWith("ann's"));
  EXPECT_THAT(AskUnder(other, 1, "id-7", {{"x-tenant", "bob"}}).reply(), IsOkWith("bob's"));
}

// PITFALLS 17
TEST_F(CachedTest, WhatOneCallersCredentialsWereGivenIsNotServedToAnother) {
  Ask("id-7", {{"authorization", "ann"}});
  Answer("ann's");
  Ask("id-7", {{"authorization", "bob"}});
  Answer("bob's");
  EXPECT_THAT(Ask("id-7", {{"authorization", "ann"}}).reply(), IsOkWith("ann's"));
}

// PITFALLS 17
TEST_F(CachedTest, WhatTheTrustedWereGivenIsNotServedToAnyone) {
  Ask("id-7");
  Answer("for the trusted");
  trust_ = kTrust + 1;
  Ask("id-7");
  Answer("for anyone");
  EXPECT_EQ(upstream_.calls(), 2);
}

TEST_F(CachedTest, ARouteMayShareWhatItKeepsAcrossCredentials) {
  rules_.share_across_credentials = true;
  Ask("id-7", {{"authorization", "ann"}});
  Answer("for all");
  EXPECT_THAT(Ask("id-7", {{"authorization", "bob"}}).reply(), IsOkWith("for all"));
}

class CollapseOnlyTest : public ReadPathTest {};

TEST_F(CollapseOnlyTest, ARouteThatOnlyCollapsesKeepsNothing) {
  for (int i = 0; i < 3; ++i) {
    Ask("id-7");
    Ask("id-7");
    Answer("blue kettle", {{"cache-control", "max-age=60"}});
  }
  EXPECT_EQ(upstream_.calls(), 3);
  EXPECT_EQ(waiters_.front().answer().source, Source::kForwarded);
  EXPECT_EQ(store_.TakeCensus().entries, 0);
}

class CacheOnlyTest : public CachedTest {
 protected:
  CacheOnlyTest() { collapse_.reset(); }
};

TEST_F(CacheOnlyTest, EveryCallerThatFindsNothingCallsUpstreamHimself) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(AskOn(i, "id-7").role(), Role::kLeader);
  ASSERT_EQ(upstream_.calls(), 3);
  for (size_t i = 0; i < 3; ++i) upstream_.call(i).Answer(absl::StrCat("reply ", i));
  EXPECT_THAT(waiters_[0].reply(), IsOkWith("reply 0"));
  EXPECT_THAT(waiters_[1].reply(), IsOkWith("reply 1"));
  EXPECT_THAT(waiters_[2].reply(), IsOkWith("reply 2"));
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("reply 2"));
  EXPECT_EQ(upstream_.calls(), 3);
}

TEST_F(CacheOnlyTest, TheCallersDeadlineGoesUpstream) {
  deadline_ = loops_[0].Now() + std::chrono::milliseconds(20);
  Ask("id-7");
  EXPECT_EQ(upstream_.latest().head().deadline, deadline_);
  Answer("blue kettle");
}

TEST_F(CacheOnlyTest, ACallerWithoutADeadlineWaitsAsLongAsItTakes) {
  const TestWaiter& patient = Ask("id-7");
  EXPECT_EQ(upstream_.latest().head().deadline, absl::nullopt);
  Advance(3'600'000);
  EXPECT_EQ(patient.heard(), 0);
  Answer("blue kettle");
  EXPECT_THAT(patient.reply(), IsOkWith("blue kettle"));
}

TEST_F(CacheOnlyTest, ACallerThatLeavesEndsHisCallAndNobodyElses) {
  TestWaiter& leaves = Ask("id-7");
  const TestWaiter& stays = AskOn(1, "id-7");
  Leave(leaves);
  Settle();
  EXPECT_TRUE(upstream_.call(0).cancelled());
  upstream_.call(1).Answer("blue kettle");
  EXPECT_THAT(stays.reply(), IsOkWith("blue kettle"));
}

// PITFALLS 32
TEST_F(CacheOnlyTest, OfSeveralCallsTheLatestIsKept) {
  for (int i = 0; i < 3; ++i) Ask("id-7");
  upstream_.call(1).Answer("second");
  upstream_.call(2).Answer("third");
  upstream_.call(0).Answer("first");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("third"));
  EXPECT_EQ(Refused(cache::Refusal::kSuperseded), 1);
}

}  // namespace
}  // namespace singleflight::core
