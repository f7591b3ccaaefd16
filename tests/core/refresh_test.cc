// Replies that are served stale while one flight fetches a new one.

#include "server/core/refresh.h"

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using Source = core::Answer::Source;

// What is kept here is fresh for five seconds, and may be stale for twenty.
class RefreshTest : public ReadPathTest {
 protected:
  RefreshTest() {
    cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
    cache_->stale_while_revalidate = absl::Seconds(20);
  }

  int age_of_call_ = 0;

  uint64_t Stale() { return metrics(0).stale.of(StaleUse::kWhileRevalidate); }
  uint64_t Failures(RefreshFailure why) { return metrics(0).refresh_failures.of(why); }

  // Two seconds past its time.
  void KeepAndOutlive(const Fields& initial = {}) {
    Ask("id-7");
    Answer("blue kettle", initial);
    Advance(7000);
  }
  const TestWaiter& AskAndSettle(const std::string& id = "id-7") {
    const TestWaiter& caller = Ask(id);
    Settle();
    return caller;
  }
  void ExpectStale(const TestWaiter& caller) {
    EXPECT_THAT(caller.reply(), IsOkWith("blue kettle"));
    EXPECT_EQ(caller.answer().source, Source::kHit);
    EXPECT_LT(caller.answer().lifespan.expires, loops_[0].Now());
  }
};

TEST_F(RefreshTest, AStaleReplyIsServedImmediatelyAndRefreshedBehindIt) {
  KeepAndOutlive();
  const TestWaiter& first = Ask("id-7");
  ExpectStale(first);
  EXPECT_EQ(upstream_.calls(), 1);  // it has its answer before anything is sent
  Settle();
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(upstream_.latest().sent(), Framed("id-7"));
  Answer("red kettle");
  EXPECT_EQ(Ask("id-7").answer().source, Source::kHit);
  EXPECT_THAT(waiters_.back().reply(), IsOkWith("red kettle"));
  EXPECT_GT(waiters_.back().answer().lifespan.expires, loops_[0].Now());
  EXPECT_EQ(metrics().refreshes.value(), 1);
  EXPECT_EQ(metrics().refresh_failures.sum(), 0);
  EXPECT_EQ(Stale(), 1);
}

TEST_F(RefreshTest, AThousandReadersOnAllLoopsCauseOneRefresh) {
  KeepAndOutlive();
  for (int i = 0; i < 1000; ++i) {
    ExpectStale(AskOn(i % 3, "id-7"));
    if (i % 10 == 0) Settle();
  }
  Settle();
  EXPECT_EQ(upstream_.calls(), 2);
  uint64_t stale = 0;
  for (size_t i = 0; i < 3; ++i) stale += metrics(i).stale.of(StaleUse::kWhileRevalidate);
  EXPECT_EQ(stale, 1000);
  Answer("red kettle");
  EXPECT_THAT(AskOn(1, "id-7").reply(), IsOkWith("red kettle"));
}

TEST_F(RefreshTest, EachKeyIsRefreshedByItself) {
  for (const char* id : {"id-7", "id-8"}) {
    Ask(id);
    Answer("blue kettle");
  }
  Advance(7000);
  for (int i = 0; i < 3; ++i) {
    AskAndSettle("id-7");
    AskAndSettle("id-8");
  }
  EXPECT_EQ(upstream_.calls(), 4);
  upstream_.call(2).Answer("seven");
  upstream_.call(3).Answer("eight");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("seven"));
  EXPECT_THAT(Ask("id-8").reply(), IsOkWith("eight"));
}

TEST_F(RefreshTest, PastItsStaleTimeCallersWaitForANewOne) {
  KeepAndOutlive();
  Advance(18'000);
  const TestWaiter& caller = AskAndSettle();
  EXPECT_EQ(caller.heard(), 0);
  Answer("red kettle");
  EXPECT_THAT(caller.reply(), IsOkWith("red kettle"));
  EXPECT_EQ(metrics().refreshes.value(), 0);
}

TEST_F(RefreshTest, ARefreshThatFailsReachesNobodyAndTheNextOneWaitsASecond) {
  KeepAndOutlive();
  AskAndSettle();
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  EXPECT_EQ(Failures(RefreshFailure::kFailed), 1);
  ExpectStale(AskAndSettle());
  Advance(999);
  ExpectStale(AskAndSettle());
  EXPECT_EQ(upstream_.calls(), 2);
  Advance(1);
  ExpectStale(AskAndSettle());
  EXPECT_EQ(upstream_.calls(), 3);
  Answer("red kettle");
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("red kettle"));
}

// RFC 5861 §4: what upstream says of the call is an answer.
TEST_F(RefreshTest, AnErrorThatIsAnAnswerDropsWhatWasKept) {
  KeepAndOutlive();
  AskAndSettle();
  upstream_.latest().TrailersOnly(wire::StatusCode::kNotFound);
  EXPECT_EQ(store_.TakeCensus().entries, 0);
  EXPECT_EQ(Failures(RefreshFailure::kFailed), 1);
}

TEST_F(RefreshTest, AReplyThatMayNotBeKeptEndsTheKeeping) {
  KeepAndOutlive();
  AskAndSettle();
  Answer("red kettle", {{"cache-control", "no-store"}});
  EXPECT_EQ(Failures(RefreshFailure::kNotKept), 1);
  EXPECT_EQ(AskAndSettle().heard(), 0);
  Answer("red kettle");
}

TEST_F(RefreshTest, ARefreshEndsAtFlightTimeout) {
  collapse_->flight_timeout = absl::Seconds(3);
  KeepAndOutlive();
  AskAndSettle();
  Advance(2999);
  EXPECT_TRUE(upstream_.latest().live());
  Advance(1);
  EXPECT_FALSE(upstream_.latest().live());
  EXPECT_EQ(flights_.flights(), 0);
  EXPECT_EQ(Failures(RefreshFailure::kFailed), 1);
}

TEST_F(RefreshTest, WithoutCollapseARefreshHasADeadlineToo) {
  collapse_.reset();
  KeepAndOutlive();
  for (int i = 0; i < 3; ++i) ExpectStale(AskAndSettle());
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(upstream_.latest().head().deadline, loops_[0].Now() + std::chrono::seconds(15));
  Advance(15'000);
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(flights_.flights(), 0);
  EXPECT_EQ(Failures(RefreshFailure::kFailed), 1);
}

TEST_F(RefreshTest, ARefreshIsOnNobodysAccount) {
  client_ = std::make_shared<memory::Client>();
  KeepAndOutlive();
  AskAndSettle();
  EXPECT_EQ(upstream_.latest().head().client, nullptr);
  EXPECT_EQ(upstream_.latest().head().wanted, 0);
  Answer("red kettle");
}

TEST_F(RefreshTest, HalfOfMaxFlightsIsLeftToCallers) {
  max_flights_ = 4;
  KeepAndOutlive();
  Ask("one");
  Ask("two");
  ExpectStale(AskAndSettle());
  EXPECT_EQ(upstream_.calls(), 3);
  EXPECT_EQ(Failures(RefreshFailure::kNoRoom), 1);
  upstream_.call(1).Answer("one");
  Advance(1000);
  ExpectStale(AskAndSettle());
  EXPECT_EQ(upstream_.calls(), 4);
  upstream_.call(2).Answer("two");
  Answer("red kettle");
}

TEST_F(RefreshTest, ACallerThatFindsNothingAnyMoreJoinsTheRefresh) {
  collapse_->max_join_age = absl::Minutes(1);
  KeepAndOutlive();
  AskAndSettle();
  store_.Drop(KeyFor("id-7"), store_.BeginFill());
  const TestWaiter& caller = Ask("id-7");
  EXPECT_EQ(caller.role(), Role::kFollower);
  EXPECT_EQ(upstream_.calls(), 2);
  Answer("red kettle");
  EXPECT_THAT(caller.reply(), IsOkWith("red kettle"));
  EXPECT_EQ(caller.answer().source, Source::kCollapsed);
}

// PITFALLS 32
TEST_F(RefreshTest, APurgeVoidsARefreshThatWasAskedForBefore) {
  KeepAndOutlive();
  AskAndSettle();
  store_.Purge(cache::EverythingScope());
  const TestWaiter& after = Ask("id-7");
  EXPECT_EQ(after.role(), Role::kLeader);
  upstream_.call(1).Answer("old");
  EXPECT_EQ(Failures(RefreshFailure::kNotKept), 1);
  EXPECT_EQ(store_.TakeCensus().entries, 0);
  upstream_.call(2).Answer("new");
  EXPECT_THAT(after.reply(), IsOkWith("new"));
}

TEST_F(RefreshTest, ARefreshWhoseReplyStreamsIsCancelled) {
  KeepAndOutlive();
  AskAndSettle();
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed("one") + Framed("two"));
  EXPECT_TRUE(upstream_.latest().cancelled());
  EXPECT_EQ(Failures(RefreshFailure::kNotKept), 1);
}

TEST_F(RefreshTest, ARefreshThatNeverRanLeavesNothing) {
  KeepAndOutlive();
  ExpectStale(Ask("id-7"));
  loops_[0].Stop();
  Settle();
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(flights_.flights(), 0);
}

TEST_F(RefreshTest, AReplysOwnDirectiveGoesFirst) {
  KeepAndOutlive({{"cache-control", "stale-while-revalidate=1"}});
  EXPECT_EQ(AskAndSettle().heard(), 0);
  Answer("red kettle", {{"cache-control", "max-age=5, must-revalidate"}});
  Advance(5000);
  EXPECT_EQ(AskAndSettle().heard(), 0);
  Answer("green kettle");
}

// Stale for twenty seconds while it is fetched, and for sixty if that fails.
TEST_F(RefreshTest, PastTheOneTimeTheOtherHolds) {
  cache_->stale_if_error = absl::Seconds(60);
  KeepAndOutlive();
  Advance(20'000);
  const TestWaiter& caller = AskAndSettle();
  EXPECT_EQ(caller.heard(), 0);
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  EXPECT_THAT(caller.reply(), IsOkWith("blue kettle"));
  EXPECT_EQ(caller.answer().source, Source::kStale);
}

TEST_F(RefreshTest, AFreshReplyIsNotRefreshedWithoutALot) {
  Ask("id-7");
  Answer("blue kettle");
  Advance(4999);
  AskAndSettle();
  EXPECT_EQ(upstream_.calls(), 1);
}

// A fetch that took a second, and four minutes of callers, ten a second.
TEST_F(RefreshTest, SomebodyRefreshesAReplyShortlyBeforeItsTimeIsOver) {
  std::minstd_rand random(7);
  random_ = &random;
  Ask("id-7");
  Advance(1000);
  Answer("blue kettle");
  int served_stale = 0;
  for (int i = 0; i < 2400; ++i) {
    const TestWaiter& caller = AskAndSettle();
    EXPECT_EQ(caller.answer().source, Source::kHit);
    served_stale += caller.answer().lifespan.expires <= loops_[0].Now() ? 1 : 0;
    Advance(100);
    for (FakeCall* call : upstream_.live_calls()) {
      if (++age_of_call_ == 10) call->Answer("red kettle");
    }
    if (upstream_.live() == 0) age_of_call_ = 0;
    ForgetServed();
  }
  // At least one each five seconds, few more than that, and hardly anyone gets a stale reply.
  EXPECT_GE(metrics().refreshes.value(), 48);
  EXPECT_LE(metrics().refreshes.value(), 100);
  EXPECT_LE(served_stale, 240);
  if (upstream_.live() > 0) Answer("red kettle");
}

TEST(RefreshIsDueTest, ItIsLikelierTheLessTimeIsLeftAndTheLongerAFetchTakes) {
  const base::Instant now(std::chrono::hours(1));
  std::minstd_rand random(7);
  const auto due_of_1000 = [&](std::chrono::milliseconds left, std::chrono::milliseconds took) {
    cache::Found found;
    found.lifespan.expires = now + left;
    found.took = took;
    int due = 0;
    for (int i = 0; i < 1000; ++i) due += Refresh::IsDue(found, now, &random) ? 1 : 0;
    return due;
  };
  using std::chrono::milliseconds;
  EXPECT_EQ(due_of_1000(milliseconds(0), milliseconds(1)), 1000);
  EXPECT_EQ(due_of_1000(milliseconds(-5), milliseconds(1)), 1000);
  EXPECT_NEAR(due_of_1000(milliseconds(100), milliseconds(100)), 368, 60);  // 1/e
  EXPECT_NEAR(due_of_1000(milliseconds(200), milliseconds(100)), 135, 45);  // 1/e²
  EXPECT_EQ(due_of_1000(milliseconds(5000), milliseconds(100)), 0);
}

}  // namespace
}  // namespace singleflight::core
