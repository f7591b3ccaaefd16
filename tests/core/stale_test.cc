// Replies whose time is over and that are served all the same.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using Source = core::Answer::Source;

// What is kept here is fresh for five seconds.
class StaleTest : public ReadPathTest {
 protected:
  StaleTest() { cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false}; }

  size_t Entries() { return store_.TakeCensus().entries; }
  uint64_t Gone(cache::Gone why) { return store_.TakeCensus().gone[static_cast<size_t>(why)]; }
  uint64_t Stale(StaleUse why) {
    uint64_t sum = 0;
    for (size_t i = 0; i < 3; ++i) sum += metrics(i).stale.of(why);
    return sum;
  }

  void Keep(const std::string& id, const Fields& initial = {}) {
    Ask(id);
    Answer("blue kettle", initial);
  }
  // Two seconds past its time.
  void KeepAndOutlive(const Fields& initial = {}) {
    Keep("id-7", initial);
    Advance(7000);
  }
  auto TtlOf(const TestWaiter& caller) {
    return caller.answer().lifespan.expires - loops_[0].Now();
  }
};

class StaleIfErrorTest : public StaleTest {
 protected:
  StaleIfErrorTest() { cache_->stale_if_error = absl::Seconds(20); }

  void ExpectServedStale(const TestWaiter& caller) {
    EXPECT_THAT(caller.reply(), IsOkWith("blue kettle"));
    EXPECT_EQ(caller.answer().source, Source::kStale);
    EXPECT_EQ(caller.answer().status, wire::StatusCode::kOk);
    EXPECT_EQ(TtlOf(caller), std::chrono::seconds(-2));
  }
};

TEST_F(StaleIfErrorTest, AReplyWhoseTimeIsOverIsServedIfTheFlightFails) {
  KeepAndOutlive();
  const TestWaiter& leader = Ask("id-7");
  const TestWaiter& follower = AskOn(1, "id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  Settle();
  ExpectServedStale(leader);
  ExpectServedStale(follower);
  EXPECT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(Stale(StaleUse::kIfError), 2);
}

TEST_F(StaleIfErrorTest, UpstreamIsAskedFirstEachTime) {
  KeepAndOutlive();
  for (size_t i = 0; i < 3; ++i) {
    Ask("id-7");
    EXPECT_EQ(upstream_.calls(), i + 2);
    upstream_.latest().Fail(UpstreamFailure::Kind::kUnreachable);
  }
  Ask("id-7");
  Answer("red kettle");
  EXPECT_THAT(waiters_.back().reply(), IsOkWith("red kettle"));
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("red kettle"));
}

TEST_F(StaleIfErrorTest, TheseFourStatusesAreFailuresAndNoOthers) {
  for (int code = 1; code <= 16; ++code) {
    const std::string id = absl::StrCat("id-", code);
    Keep(id);
    Advance(7000);
    const auto status = static_cast<wire::StatusCode>(code);
    const TestWaiter& caller = Ask(id);
    upstream_.latest().TrailersOnly(status);
    const bool failure =
        status == wire::StatusCode::kUnavailable || status == wire::StatusCode::kDeadlineExceeded ||
        status == wire::StatusCode::kInternal || status == wire::StatusCode::kUnknown;
    EXPECT_EQ(caller.answer().source, failure ? Source::kStale : Source::kForwarded)
        << NameOf(status);
    EXPECT_EQ(caller.answer().status, failure ? wire::StatusCode::kOk : status);
  }
}

TEST_F(StaleIfErrorTest, AFlightThatEndsWithoutAStatusIsAFailure) {
  using Kind = UpstreamFailure::Kind;
  for (const Kind kind : {Kind::kReset, Kind::kUnreachable, Kind::kLost, Kind::kNotStarted}) {
    KeepAndOutlive();
    const TestWaiter& caller = Ask("id-7");
    upstream_.latest().Fail(kind, wire::StatusCode::kCancelled);
    if (caller.heard() == 0) upstream_.latest().Fail(kind, wire::StatusCode::kCancelled);  // resent
    ExpectServedStale(caller);
    Ask("id-7");
    Answer("blue kettle");
  }
}

TEST_F(StaleIfErrorTest, ALostConnectionMidReplyIsAFailure) {
  KeepAndOutlive();
  const TestWaiter& caller = Ask("id-7");
  for (int i = 0; i < 2; ++i) {
    upstream_.latest().Begin();
    upstream_.latest().Data(Framed("red").substr(0, 6));
    upstream_.latest().Fail(UpstreamFailure::Kind::kLost);
  }
  ExpectServedStale(caller);
}

TEST_F(StaleIfErrorTest, AFlightThatTakesTooLongIsAFailure) {
  collapse_->flight_timeout = absl::Seconds(2);
  Keep("id-7");
  Advance(5000);
  const TestWaiter& caller = Ask("id-7");
  Advance(2000);
  ExpectServedStale(caller);
  EXPECT_TRUE(upstream_.latest().cancelled());
}

TEST_F(StaleIfErrorTest, AnHttpErrorWithoutAGrpcStatusIsAFailureUnlessItIsAnAnswer) {
  const std::vector<std::pair<std::string, bool>> cases = {
      {"502", true}, {"503", true}, {"429", true}, {"401", false}, {"403", false}, {"404", false}};
  for (const auto& [http, failure] : cases) {
    Keep(http);
    Advance(7000);
    const TestWaiter& caller = Ask(http);
    upstream_.latest().Begin({}, http);
    upstream_.latest().Data("<html>");
    // No status in the trailers: as HTTP servers end.
    upstream_.latest().EndWithoutStatus();
    EXPECT_EQ(caller.answer().source == Source::kStale, failure) << http;
  }
}

TEST_F(StaleIfErrorTest, AnAnswerThatIsNoFailureDropsWhatWasKept) {
  KeepAndOutlive();
  Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kNotFound);
  EXPECT_EQ(Entries(), 0);
  EXPECT_EQ(Gone(cache::Gone::kOutdated), 1);
  const TestWaiter& later = Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  EXPECT_EQ(later.answer().status, wire::StatusCode::kUnavailable);
}

TEST_F(StaleIfErrorTest, ALaterReplyThatMayNotBeKeptDropsWhatWasKept) {
  KeepAndOutlive();
  Ask("id-7");
  Answer("red kettle", {{"cache-control", "no-store"}});
  EXPECT_EQ(Entries(), 0);
  EXPECT_EQ(Gone(cache::Gone::kOutdated), 1);
}

// An earlier call's error says nothing of a later call's reply.
TEST_F(StaleIfErrorTest, AnErrorThatWasAskedForEarlierDropsNothing) {
  Ask("id-7");
  Advance(1001);
  Ask("id-7");
  upstream_.call(1).Answer("new");
  upstream_.call(0).TrailersOnly(wire::StatusCode::kNotFound);
  Settle();
  EXPECT_THAT(Ask("id-7").reply(), IsOkWith("new"));
}

TEST_F(StaleIfErrorTest, ItEndsWithItsTime) {
  Keep("id-7");
  Advance(24'999);
  const TestWaiter& in_time = Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  EXPECT_EQ(in_time.answer().source, Source::kStale);
  Advance(1);
  const TestWaiter& late = Ask("id-7");
  EXPECT_EQ(Entries(), 0);
  EXPECT_EQ(Gone(cache::Gone::kExpired), 1);
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  EXPECT_EQ(late.answer().status, wire::StatusCode::kUnavailable);
}

// RFC 5861 §4, RFC 9111 §5.2.2.2
TEST_F(StaleIfErrorTest, TheReplysOwnDirectivesGoFirst) {
  const std::vector<std::pair<std::string, bool>> cases = {
      {"stale-if-error=1", false}, {"stale-if-error=30", true}, {"must-revalidate", false}};
  for (const auto& [said, stale] : cases) {
    Keep(said, {{"cache-control", said}});
    Advance(7000);
    const TestWaiter& caller = Ask(said);
    upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
    EXPECT_EQ(caller.answer().source == Source::kStale, stale) << said;
  }
}

TEST_F(StaleIfErrorTest, APurgeDropsItToo) {
  KeepAndOutlive({{"cache-groups", "\"kettles\""}});
  const TestWaiter& before = Ask("id-7");
  store_.Purge(cache::EverythingScope());
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  EXPECT_EQ(before.answer().status, wire::StatusCode::kUnavailable);
}

TEST_F(StaleIfErrorTest, AWaiterThatHasLeftHearsNothing) {
  KeepAndOutlive();
  TestWaiter& left = Ask("id-7");
  const TestWaiter& stays = Ask("id-7");
  Leave(left);
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  ExpectServedStale(stays);
  EXPECT_EQ(Stale(StaleUse::kIfError), 1);
}

// A bound of the proxy's own says nothing of upstream, and what is kept stays.
TEST_F(StaleIfErrorTest, ABoundOfTheProxysOwnIsNoFailure) {
  max_flights_ = 1;
  KeepAndOutlive();
  Ask("other");
  const TestWaiter& refused = Ask("id-7");
  EXPECT_EQ(refused.answer().status, wire::StatusCode::kResourceExhausted);
  EXPECT_EQ(Entries(), 1);
  upstream_.latest().Answer("other");
}

TEST_F(StaleIfErrorTest, WhatIsForOneCallerIsNoReasonToServeOrDrop) {
  rules_.share_across_credentials = true;
  KeepAndOutlive();
  const TestWaiter& refused = Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kPermissionDenied);
  EXPECT_EQ(refused.answer().status, wire::StatusCode::kPermissionDenied);
  const TestWaiter& caller = Ask("id-7");
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  ExpectServedStale(caller);
}

TEST_F(StaleIfErrorTest, WithoutCollapseEachCallerIsServedByItself) {
  collapse_.reset();
  KeepAndOutlive();
  const TestWaiter& first = Ask("id-7");
  const TestWaiter& second = Ask("id-7");
  upstream_.call(1).TrailersOnly(wire::StatusCode::kUnavailable);
  ExpectServedStale(first);
  EXPECT_EQ(second.heard(), 0);
  upstream_.call(2).TrailersOnly(wire::StatusCode::kUnavailable);
  ExpectServedStale(second);
}

TEST_F(StaleTest, WithoutTheOptionNothingIsServedPastItsTime) {
  KeepAndOutlive();
  const TestWaiter& caller = Ask("id-7");
  EXPECT_EQ(Entries(), 0);
  upstream_.latest().TrailersOnly(wire::StatusCode::kUnavailable);
  EXPECT_EQ(caller.answer().status, wire::StatusCode::kUnavailable);
  EXPECT_EQ(Stale(StaleUse::kIfError), 0);
}

}  // namespace
}  // namespace singleflight::core
