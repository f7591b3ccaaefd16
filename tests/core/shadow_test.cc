// Routes in shadow: every call goes upstream by itself, and what it would have shared is told.

#include "server/core/shadow.h"

#include <deque>

#include "server/core/shadowed_call.h"
#include "tests/core/read_path_fixture.h"
#include "tests/wire/fields.h"

namespace singleflight::core {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A caller's call in shadow, and what it hears.
class Caller final : public UpstreamEvents {
 public:
  Caller(ReadPath& path, Route& route, FakeUpstream& upstream,
         std::shared_ptr<const model::Request> request)
      : at_(upstream.calls()), upstream_(upstream) {
    ShadowedUpstream shadowed(path, route, kTrust, upstream);
    const std::string authority(shadowed.AuthorityFor(*request));
    call_ = shadowed.Start({std::move(request), authority, {}, ""}, *this);
  }

  void Send(const std::string& message) {
    call_->Send(base::Slice(Framed(message)));
    call_->Finish({});
  }
  UpstreamCall& line() { return *call_; }
  FakeCall& call() { return upstream_.call(at_); }
  void Leave() { call_.reset(); }

  std::string body;
  bool ended = false;
  Fields initial;

 private:
  void OnInitial(model::Headers fields, bool end) override {
    for (const model::Field field : fields) {
      initial.emplace_back(std::string(field.name), std::string(field.value));
    }
    ended = end;
  }
  void OnData(absl::string_view bytes) override { absl::StrAppend(&body, bytes); }
  void OnEnd(model::Headers) override { Close(); }
  void OnSent(size_t) override {}
  void OnFailed(UpstreamFailure) override { Close(); }

  // Whoever hears the end lets go of the call.
  void Close() {
    ended = true;
    call_.reset();
  }

  const size_t at_;
  FakeUpstream& upstream_;
  std::unique_ptr<UpstreamCall> call_;
};

class ShadowTest : public ReadPathTest {
 protected:
  ShadowTest() {
    mode_ = Mode::kShadow;
    rules_.names = {"x-lang"};
  }

  Caller& Begin(const Fields& metadata = {}, size_t loop = 0) {
    return *callers_.emplace_back(
        std::make_unique<Caller>(paths(loop), route(), upstream_, RequestFor(kGet, metadata)));
  }
  Caller& Call(const std::string& id, const Fields& metadata = {}, size_t loop = 0) {
    Caller& caller = Begin(metadata, loop);
    caller.Send(id);
    return caller;
  }

  uint64_t WouldBeA(WouldBe role) {
    uint64_t sum = 0;
    for (size_t i = 0; i < 3; ++i) sum += metrics(i).would_be.of(role);
    return sum;
  }
  uint64_t Outcomes(SharedBy by, Comparison outcome) {
    uint64_t sum = 0;
    for (size_t i = 0; i < 3; ++i) {
      sum += metrics(i).comparisons[static_cast<size_t>(by)].of(outcome);
    }
    return sum;
  }
  uint64_t Followers(Comparison outcome) { return Outcomes(SharedBy::kFollower, outcome); }
  uint64_t Hits(Comparison outcome) { return Outcomes(SharedBy::kHit, outcome); }
  std::string latest() { return route().shadow->latest(); }

  void TearDown() override {
    callers_.clear();
    EXPECT_EQ(route().shadow->parties(), 0);
    ReadPathTest::TearDown();
  }

  std::deque<std::unique_ptr<Caller>> callers_;
};

TEST_F(ShadowTest, EveryCallGoesUpstreamByItselfAndItsReplyComesAsItWas) {
  Caller& first = Call("id-7");
  Caller& second = Call("id-7");
  EXPECT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(second.call().sent(), Framed("id-7"));
  EXPECT_TRUE(second.call().finished());
  second.call().Begin({{"x-tier", "a"}});
  second.call().Data(Framed("kettle"));
  second.call().End();
  EXPECT_TRUE(second.ended);
  EXPECT_EQ(second.body, Framed("kettle"));
  EXPECT_EQ(second.initial.back(), (std::pair<std::string, std::string>{"x-tier", "a"}));
  EXPECT_FALSE(first.ended);
  first.call().Answer("kettle");
}

TEST_F(ShadowTest, ConcurrentCallsWouldBeFollowersAndAreComparedWithTheirLeader) {
  Caller& leader = Call("id-7");
  Call("id-7", {}, 1);
  Call("id-7", {}, 2);
  Call("id-8").call().Answer("other");
  for (size_t at : {1, 0, 2}) upstream_.call(at).Answer("kettle");
  EXPECT_TRUE(leader.ended);
  EXPECT_EQ(WouldBeA(WouldBe::kLeader), 2);
  EXPECT_EQ(WouldBeA(WouldBe::kFollower), 2);
  EXPECT_EQ(Followers(Comparison::kSame), 2);
  EXPECT_THAT(latest(), IsEmpty());
}

TEST_F(ShadowTest, WhatDiffersIsNamed) {
  Call("id-7", {{"x-lang", "de"}});
  Call("id-7", {{"x-lang", "en"}});
  upstream_.call(0).Begin({{"x-tier", "a"}});
  upstream_.call(0).Data(Framed("Kessel"));
  upstream_.call(0).End();
  upstream_.call(1).Answer("kettle");
  EXPECT_EQ(Followers(Comparison::kDiffers), 1);
  EXPECT_EQ(latest(), "message, metadata x-tier; the requests differ in x-lang");
}

TEST_F(ShadowTest, RepliesThatComeBeforeTheirLeadersAreComparedWhenThatHasCome) {
  Call("id-7", {{"x-lang", "de"}});
  for (size_t i = 1; i <= Shadow::kMostEarly + 5; ++i) Call("id-7", {{"x-lang", "en"}});
  for (size_t i = 1; i <= Shadow::kMostEarly + 5; ++i) upstream_.call(i).Answer("kettle");
  EXPECT_EQ(Followers(Comparison::kDiffers), 0);
  upstream_.call(0).Answer("Kessel");
  EXPECT_EQ(Followers(Comparison::kDiffers), Shadow::kMostEarly);
  EXPECT_EQ(Followers(Comparison::kFailed), 5);
}

TEST_F(ShadowTest, IfTheLeaderLeavesTheOthersAreComparedWithEachOther) {
  Caller& leader = Call("id-7");
  for (int i = 0; i < 4; ++i) Call("id-7");
  upstream_.call(1).Answer("kettle");
  leader.Leave();
  upstream_.call(2).Answer("kettle");
  upstream_.call(3).Answer("kettle");
  upstream_.call(4).Answer("teapot");
  EXPECT_EQ(Followers(Comparison::kSame), 2);
  EXPECT_EQ(Followers(Comparison::kDiffers), 1);
}

TEST_F(ShadowTest, ACallAfterTheLeadersReplyWouldLead) {
  Call("id-7").call().Answer("kettle");
  Call("id-7").call().Answer("kettle");
  EXPECT_EQ(WouldBeA(WouldBe::kLeader), 2);
}

TEST_F(ShadowTest, WhatWouldBeKeptIsComparedWithLaterReplies) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  Call("id-7").call().Answer("kettle");
  Call("id-7").call().Answer("kettle");
  Call("id-7").call().Answer("teapot");
  EXPECT_EQ(WouldBeA(WouldBe::kHit), 2);
  EXPECT_EQ(Hits(Comparison::kSame), 1);
  EXPECT_EQ(Hits(Comparison::kDiffers), 1);
  EXPECT_EQ(upstream_.calls(), 3);
  Advance(5000);
  Call("id-7").call().Answer("teapot");
  EXPECT_EQ(WouldBeA(WouldBe::kLeader), 2);
}

TEST_F(ShadowTest, APurgeDropsWhatWouldBeKept) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  Call("id-7").call().Answer("kettle");
  store_.Purge(cache::EverythingScope());
  Call("id-7").call().Answer("teapot");
  EXPECT_EQ(WouldBeA(WouldBe::kLeader), 2);
}

TEST_F(ShadowTest, APurgeOfATagDropsWhatWouldBeKept) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  tags_ = {*model::ParseFieldTemplate("item:{1}").parsed};
  const std::string seven = wire::Number(1, 7);
  Call(seven).call().Answer("kettle");
  store_.Purge(cache::GroupScope("catalog", "catalog:50051", "item:8"));
  Call(seven).call().Answer("kettle");
  EXPECT_EQ(WouldBeA(WouldBe::kHit), 1);
  store_.Purge(cache::GroupScope("catalog", "catalog:50051", "item:7"));
  Call(seven).call().Answer("teapot");
  EXPECT_EQ(WouldBeA(WouldBe::kLeader), 2);
}

TEST_F(ShadowTest, WhatGivesNoTagsWouldNotBeKept) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  tags_ = {*model::ParseFieldTemplate("item:{1}").parsed};
  for (int i = 0; i < 2; ++i) Call("\xff").call().Answer("kettle");
  EXPECT_EQ(WouldBeA(WouldBe::kLeader), 2);
}

TEST_F(ShadowTest, AReplyThatMayNotBeKeptIsNot) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  Caller& first = Call("id-7");
  first.call().Begin({{"cache-control", "no-store"}});
  first.call().Data(Framed("kettle"));
  first.call().End();
  Call("id-7").call().Answer("kettle");
  EXPECT_EQ(WouldBeA(WouldBe::kHit), 0);
}

TEST_F(ShadowTest, ALiveRouteServesNothingThatShadowHasKept) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  RouteOptions options;
  options.cache = cache_;
  const std::string live = PolicyOf(options);
  options.mode = Mode::kShadow;
  EXPECT_NE(PolicyOf(options), live);
}

TEST_F(ShadowTest, StreamsAreNoneOfItsBusiness) {
  Caller& early = Begin();  // its reply comes before its request is whole
  early.line().Send(base::Slice(Framed("one")));
  early.call().Begin();
  early.call().Data(Framed("a") + Framed("b"));
  early.line().Finish({});
  early.call().End();
  Caller& two = Begin();
  two.line().Send(base::Slice(Framed("one") + Framed("two")));
  two.line().Finish({});
  two.call().Answer("kettle");
  EXPECT_EQ(WouldBeA(WouldBe::kAlone), 2);
}

TEST_F(ShadowTest, AReplyThatCouldNotBeSharedIsToldApart) {
  Call("id-7");
  Call("id-7");
  for (size_t at : {0, 1}) {
    upstream_.call(at).Begin();
    upstream_.call(at).Data(Framed("one") + Framed("two"));
    upstream_.call(at).End();
  }
  EXPECT_EQ(Followers(Comparison::kUnshared), 1);
}

TEST_F(ShadowTest, APrivateReplyOfTheLeaderIsNotShared) {
  rules_.share_across_credentials = true;
  Call("id-7");
  Call("id-7");
  upstream_.call(0).Begin({{"set-cookie", "a=b"}});
  upstream_.call(0).Data(Framed("kettle"));
  upstream_.call(0).End();
  upstream_.call(1).Answer("kettle");
  EXPECT_EQ(Followers(Comparison::kUnshared), 1);
}

TEST_F(ShadowTest, FailuresTellNothing) {
  Call("id-7");
  Call("id-7");
  upstream_.call(0).Answer("kettle");
  upstream_.call(1).Fail(UpstreamFailure::Kind::kLost);
  EXPECT_EQ(Followers(Comparison::kFailed), 1);
}

TEST_F(ShadowTest, WithoutCollapseNobodyWouldFollow) {
  collapse_.reset();
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  Call("id-7");
  Call("id-7");
  for (size_t at : {0, 1}) upstream_.call(at).Answer("kettle");
  EXPECT_EQ(WouldBeA(WouldBe::kLeader), 2);
  Call("id-7").call().Answer("kettle");
  EXPECT_EQ(Hits(Comparison::kSame), 1);
}

TEST_F(ShadowTest, UnderBeforeStartThoseThatComeLaterWouldGatherBehind) {
  collapse_->join = JoinRule::kBeforeStart;
  Call("id-7");
  Call("id-7");
  Call("id-7");
  EXPECT_EQ(WouldBeA(WouldBe::kLeader), 2);
  EXPECT_EQ(WouldBeA(WouldBe::kFollower), 1);
  for (size_t at : {0, 1, 2}) upstream_.call(at).Answer("kettle");
  EXPECT_EQ(Followers(Comparison::kSame), 1);
}

TEST_F(ShadowTest, ACallerThatWantsNoCacheWouldBeNoHit) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  Call("id-7").call().Answer("kettle");
  Call("id-7", {{"cache-control", "no-cache"}}).call().Answer("kettle");
  Call("id-7", {{"cache-control", "no-store"}}).call().Answer("kettle");
  EXPECT_EQ(WouldBeA(WouldBe::kLeader), 2);
  EXPECT_EQ(WouldBeA(WouldBe::kAlone), 1);
}

TEST_F(ShadowTest, ALargeRequestGoesOnUnseen) {
  collapse_->max_request_bytes = 16;
  Caller& caller = Call(std::string(100, 'x'));
  EXPECT_EQ(caller.call().sent(), Framed(std::string(100, 'x')));
  caller.call().Answer("kettle");
  EXPECT_EQ(caller.body, Framed("kettle"));
  EXPECT_EQ(WouldBeA(WouldBe::kAlone), 1);
}

}  // namespace
}  // namespace singleflight::core
