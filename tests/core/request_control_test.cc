// What callers say by `cache-control` in their requests.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using Source = core::Answer::Source;

class RequestControlTest : public ReadPathTest {
 protected:
  RequestControlTest() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }

  TestWaiter& AskWith(const std::string& control, const std::string& id = "id-7") {
    return Ask(id, {{"cache-control", control}});
  }
  void Keep() {
    Ask("id-7");
    Answer("blue kettle");
  }
};

// A caller that tells what it asked, as the proxy's calls do.
class PickyCaller final : public Waiter {
 public:
  PickyCaller(ReadPath& path, Route& route, std::shared_ptr<const model::Request> request)
      : Waiter(path), route_(route), request_(std::move(request)) {}

  void Ask() {
    const std::string frame = Framed("id-7");
    const auto take = [&] { return base::Slice(frame); };
    path().Serve(route_, {kTrust, request_, frame, take, {}, nullptr}, *this);
  }

  bool answered() const { return answered_; }
  absl::optional<Release> released() const { return released_; }

 private:
  void OnAnswer(const Answer&, Counted) override { answered_ = true; }
  void OnTakeover(Takeover) override {}
  void OnReleased(const Question&, Release why) override { released_ = why; }
  absl::optional<Asker> asker() const override { return Asker{route_, *request_}; }

  Route& route_;
  const std::shared_ptr<const model::Request> request_;
  bool answered_ = false;
  absl::optional<Release> released_;
};

// Found by tests/simulation. The leader finds at its second look what an older flight has stored
// after its first. Others have joined between its joining and that look.
class JoinedMeanwhileTest : public RequestControlTest {
 protected:
  void JoinMeanwhile(PickyCaller& caller) {
    Ask("id-7");
    FakeCall& old = upstream_.latest();
    Advance(1100);  // newcomers do not join it any more
    int looks = 0;
    upstream_.on_authority = [&] {
      if (++looks != 3) return;
      caller.Ask();
      EXPECT_EQ(caller.role(), Role::kFollower);
      old.Answer("blue kettle");
    };
    EXPECT_EQ(Ask("id-7").answer().source, Source::kHit);
    upstream_.on_authority = nullptr;
    Settle();
  }
};

TEST_F(JoinedMeanwhileTest, WhoeverTakesNothingThatIsKeptAsksAgain) {
  for (const char* control : {"no-cache", "min-fresh=60", "max-age=0"}) {
    PickyCaller caller(paths(1), route(), RequestFor(kGet, {{"cache-control", control}}));
    JoinMeanwhile(caller);
    EXPECT_FALSE(caller.answered()) << control;
    EXPECT_EQ(caller.released(), Release::kLeaderRefused) << control;
    store_.Purge(cache::EverythingScope());
  }
  EXPECT_EQ(metrics(1).released.of(Release::kLeaderRefused), 3);
}

TEST_F(JoinedMeanwhileTest, WhoeverTakesItHasIt) {
  PickyCaller caller(paths(1), route(), RequestFor(kGet, {{"cache-control", "max-age=60"}}));
  JoinMeanwhile(caller);
  EXPECT_TRUE(caller.answered());
  EXPECT_FALSE(caller.released().has_value());
}

class VerifiedJoinTest : public JoinedMeanwhileTest {
 protected:
  VerifiedJoinTest() { verify_ = 1'000'000; }
};

TEST_F(VerifiedJoinTest, WhoeverAsksAgainIsNotChecked) {
  PickyCaller caller(paths(1), route(), RequestFor(kGet, {{"cache-control", "no-cache"}}));
  JoinMeanwhile(caller);
  EXPECT_TRUE(caller.released().has_value());
  EXPECT_EQ(shared().checks.load(), 0);
}

// RFC 9111 §5.2.1.4
TEST_F(RequestControlTest, NoCacheGoesPastWhatIsKeptAndItsReplyTakesThatPlace) {
  Keep();
  const TestWaiter& caller = AskWith("no-cache");
  EXPECT_EQ(caller.role(), Role::kLeader);
  Answer("red kettle");
  EXPECT_THAT(caller.reply(), IsOkWith("red kettle"));
  EXPECT_EQ(caller.answer().source, Source::kStored);
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("red kettle"));
}

TEST_F(RequestControlTest, NoCacheJoinsAFlightAndIsJoined) {
  Keep();
  AskWith("no-cache");
  EXPECT_EQ(AskWith("no-cache").role(), Role::kFollower);
  EXPECT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(Ask("id-7").answer().source, Source::kHit);  // others have what is kept meanwhile
  Answer("red kettle");
  EXPECT_THAT(waiters_[2].reply(), IsOkWith("red kettle"));
}

// What a flight stores between the look and the join is not for it either.
TEST_F(RequestControlTest, NoCacheTakesNothingThatWasStoredWhileItJoined) {
  TestWaiter& caller = waiters_.emplace_back(paths(0));
  Serve(route(), caller, "id-7", RequestFor(kGet, {{"cache-control", "no-cache"}}), [this] {
    AskOn(1, "id-7");
    Answer("blue kettle");
  });
  EXPECT_EQ(caller.heard(), 0);
  Answer("red kettle");
  EXPECT_THAT(caller.reply(), IsOkWith("red kettle"));
}

// RFC 9111 §5.2.1.5
TEST_F(RequestControlTest, NoStoreGoesAloneAndLeavesWhatIsKept) {
  Keep();
  AskWith("no-store");
  EXPECT_EQ(served_, Served::kNoStore);
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("blue kettle"));
}

// RFC 9111 §5.2.1.7
TEST_F(RequestControlTest, OnlyIfCachedTakesWhatIsKeptAndNothingElse) {
  AskWith("only-if-cached");
  EXPECT_EQ(served_, Served::kNothingKept);
  EXPECT_EQ(upstream_.calls(), 0);
  Keep();
  EXPECT_THAT(AskWith("only-if-cached").reply(), IsOkWith("blue kettle"));
  Advance(5000);
  AskWith("only-if-cached");
  EXPECT_EQ(served_, Served::kNothingKept);
}

// RFC 9111 §5.2.1.1
TEST_F(RequestControlTest, MaxAgeAsksForANewerReplyAndOthersKeepTheOldOne) {
  Keep();
  Advance(3000);
  EXPECT_EQ(AskWith("max-age=3").answer().source, Source::kHit);
  EXPECT_EQ(AskWith("max-age=2").role(), Role::kLeader);
  EXPECT_EQ(Ask("id-7").answer().source, Source::kHit);
  Answer("red kettle");
}

// RFC 9111 §5.2.1.2
TEST_F(RequestControlTest, MaxStaleTakesWhatMayBeServedStaleWithoutAsking) {
  cache_->stale_if_error = absl::Seconds(20);
  Keep();
  Advance(8000);
  const TestWaiter& caller = AskWith("max-stale=3");
  EXPECT_EQ(caller.answer().source, Source::kHit);
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(metrics().stale.of(StaleUse::kMaxStale), 1);
  EXPECT_EQ(AskWith("max-stale=2").role(), Role::kLeader);
  Answer("red kettle");
}

TEST_F(RequestControlTest, MaxStaleTakesNothingThatMayNotBeServedStale) {
  cache_->stale_if_error = absl::Seconds(20);
  Ask("id-7");
  Answer("blue kettle", {{"cache-control", "must-revalidate"}});
  Advance(5000);
  EXPECT_EQ(AskWith("max-stale").role(), Role::kLeader);
  Answer("red kettle");
}

TEST_F(RequestControlTest, ACallerThatLimitsAgesIsNotServedStaleMeanwhile) {
  cache_->stale_while_revalidate = absl::Seconds(20);
  Keep();
  Advance(6000);
  EXPECT_EQ(AskWith("max-age=60").role(), Role::kLeader);
  EXPECT_EQ(AskWith("only-if-cached").answer().source, Source::kHit);
  Settle();
  EXPECT_EQ(upstream_.calls(), 2);  // the caller's flight is the refresh
  EXPECT_EQ(metrics().refresh_failures.of(RefreshFailure::kJoined), 1);
  Answer("red kettle");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("red kettle"));
}

TEST_F(RequestControlTest, ARouteMayRefuseToObey) {
  cache_->request_cache_control = false;
  Keep();
  for (const char* control : {"no-cache", "no-store", "max-age=0", "max-age=x"}) {
    EXPECT_EQ(AskWith(control).answer().source, Source::kHit) << control;
  }
  EXPECT_EQ(AskWith("only-if-cached", "id-8").role(), Role::kLeader);
  Answer("red kettle");
}

TEST_F(RequestControlTest, WhatACallerSaysKeepsItApartFromNobody) {
  Ask("id-7", {{"cache-control", "max-age=60"}});
  EXPECT_EQ(Ask("id-7").role(), Role::kFollower);
  Answer("blue kettle");
}

class CollapseAloneTest : public ReadPathTest {};

// There is no cache here to speak of.
TEST_F(CollapseAloneTest, WithoutACacheRequestsSayNothing) {
  Ask("id-7", {{"cache-control", "no-store"}});
  EXPECT_EQ(Ask("id-7", {{"cache-control", "only-if-cached"}}).role(), Role::kFollower);
  Answer("blue kettle");
}

}  // namespace
}  // namespace singleflight::core
