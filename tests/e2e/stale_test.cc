// Replies whose time is over: served while the backend is down, and while one call fetches a new
// one.

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::StartsWith;

constexpr char kStale[] = "singleflight; hit; ttl=-";

std::vector<std::string> ValuesOf(const Answer& answer, const std::string& name) {
  std::vector<std::string> values;
  for (const Metadata* block : {&answer.initial, &answer.trailing}) {
    for (const auto& [field, value] : *block) {
      if (field == name) values.push_back(value);
    }
  }
  return values;
}

MATCHER(IsStale, "is a stale hit") {
  const std::vector<std::string> marks = ValuesOf(arg, "cache-status");
  return marks.size() == 1 && absl::StartsWith(marks.front(), kStale);
}

// What is kept is over in the next millisecond, so that no test waits for that.
class StaleTest : public ProxyTest {
 protected:
  void Keep(const std::string& more) { Serve({.cache = "{ttl: 1ms, " + more + "}"}); }

  // Asks until `expected` comes. No clock: each look is a call.
  Answer AskUntil(const ::testing::Matcher<const Answer&>& expected) {
    Answer answer = Ask(kRead, "id-7");
    for (const Deadline deadline; !expected.Matches(answer) && !deadline.passed();) {
      answer = Ask(kRead, "id-7");
    }
    EXPECT_THAT(answer, expected);
    return answer;
  }

  int64_t Stale(const std::string& reason) {
    return Metric("singleflight_cache_stale_served_total{reason=\"" + reason + "\"}");
  }
};

TEST_F(StaleTest, AReplyIsServedWhileTheBackendIsDown) {
  Keep("stale_if_error: 1h");
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  backend_.Stop();
  const Answer stale = AskUntil(IsStale());
  EXPECT_THAT(stale, IsOkWith("reply to id-7"));
  EXPECT_THAT(Ask(kRead, "id-8"), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_GE(Stale("if_error"), 1);
  backend_.AnswerWith(Ok("news"));
  backend_.Start();
  EXPECT_THAT(AskUntil(IsOkWith("news")), IsOkWith("news"));
}

TEST_F(StaleTest, AReplyIsServedWhileTheBackendSaysThatItIsUnavailable) {
  Keep("stale_if_error: 1h");
  Ask(kRead, "id-7");
  backend_.AnswerWith(Failed(absl::StatusCode::kUnavailable, "restarting"));
  EXPECT_THAT(AskUntil(IsStale()), IsOkWith("reply to id-7"));
  backend_.AnswerWith(Failed(absl::StatusCode::kNotFound, "no such id"));
  AskUntil(HasCode(absl::StatusCode::kNotFound));
  backend_.AnswerWith(Failed(absl::StatusCode::kUnavailable, "restarting"));
  EXPECT_THAT(Ask(kRead, "id-7"), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Metric("singleflight_cache_evictions_total{reason=\"outdated\"}"), 1);
}

TEST_F(StaleTest, AHerdAboardAFlightThatFailsIsServedTogether) {
  Keep("stale_if_error: 1h");
  Ask(kRead, "id-7");
  backend_.AnswerWith(Failed(absl::StatusCode::kUnavailable, "restarting"));
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(20);
  backend_.Release();
  const std::vector<Answer> answers = WaitAll(herd);
  EXPECT_THAT(answers, Each(IsOkWith("reply to id-7")));
  EXPECT_THAT(answers, Each(IsStale()));
  EXPECT_EQ(Stale("if_error"), 20);
  EXPECT_EQ(backend_.calls(), 2);
}

TEST_F(StaleTest, OneCallRefreshesForAThousandReaders) {
  Serve({.cache = "{ttl: 1ms, stale_while_revalidate: 1h}", .top = "threads: 2"});
  Ask(kRead, "id-7");
  backend_.AnswerWith(Ok("news"));
  backend_.Hold();
  std::vector<PendingCall> readers;
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(NewClient());
  for (int i = 0; i < 1000; ++i) readers.push_back(clients[i % 4].Start(kRead, "id-7"));
  const std::vector<Answer> answers = WaitAll(readers);  // although the backend holds
  EXPECT_THAT(answers, Each(IsOkWith("reply to id-7")));
  AskUntil(IsStale());
  backend_.WaitForHeld(1);
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_EQ(Metric("singleflight_cache_refreshes_total"), 1);
  EXPECT_GE(Stale("while_revalidate"), 999);
  backend_.Release();
  AskUntil(IsOkWith("news"));
}

TEST_F(StaleTest, ARefreshThatFailsReachesNoCaller) {
  Keep("stale_while_revalidate: 1h");
  Ask(kRead, "id-7");
  backend_.Stop();
  AskUntil(IsStale());
  proxy_->WaitForMetric("singleflight_cache_refresh_failures_total{reason=\"failed\"}",
                        ::testing::Ge(1));
  for (int i = 0; i < 20; ++i) EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  backend_.AnswerWith(Ok("news"));
  backend_.Start();
  AskUntil(IsOkWith("news"));
}

TEST_F(StaleTest, ARefreshThatIsInTheAirDoesNotHoldUpTheEnd) {
  Keep("stale_while_revalidate: 1h");
  Ask(kRead, "id-7");
  backend_.Hold();
  AskUntil(IsStale());
  backend_.WaitForHeld(1);
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(StaleTest, ErrorsAreKeptWhereTheRouteSaysSo) {
  Serve({.cache = "{ttl: 1h, negative: {NOT_FOUND: 1h}}"});
  Answer missing = Failed(absl::StatusCode::kNotFound, "no such id");
  missing.trailing = {{"x-why", "sold"}};
  backend_.AnswerWith(missing);
  EXPECT_THAT(Ask(kRead, "id-7"), FailedWith(absl::StatusCode::kNotFound, "no such id"));
  const Answer hit = Ask(kRead, "id-7");
  EXPECT_THAT(hit, FailedWith(absl::StatusCode::kNotFound, "no such id"));
  EXPECT_THAT(ValuesOf(hit, "x-why"), ElementsAre("sold"));
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(Calls("hit"), 1);
  EXPECT_EQ(Metric("singleflight_replies_total{code=\"NOT_FOUND\"}"), 2);
  backend_.AnswerWith(Failed(absl::StatusCode::kPermissionDenied, "not you"));
  for (int i = 0; i < 2; ++i) Ask(kRead, "id-8");
  EXPECT_EQ(backend_.calls(), 3);
}

TEST_F(StaleTest, WhatBackendsTellThisCacheGoesNoFurther) {
  Serve({.collapse = "{max_request_bytes: 1KiB}", .cache = "{ttl: 1h}"});
  Answer answer = Ok("blue kettle");
  answer.initial = {{"cache-control", "no-store"}, {"singleflight-cache-control", "max-age=60"}};
  answer.trailing = {{"singleflight-cache-control", "max-age=60"}};
  backend_.AnswerWith(answer);
  for (int i = 0; i < 2; ++i) {
    const Answer kept = Ask(kRead, "id-7");
    EXPECT_THAT(ValuesOf(kept, "singleflight-cache-control"), ElementsAre());
    EXPECT_THAT(ValuesOf(kept, "cache-control"), ElementsAre("no-store"));
  }
  EXPECT_EQ(Calls("hit"), 1);
  const Answer alone = Ask(kRead, std::string(2000, 'x'));
  EXPECT_THAT(ValuesOf(alone, "singleflight-cache-control"), ElementsAre());
  const Answer relayed = Ask(kWrite, "id-7");
  EXPECT_THAT(ValuesOf(relayed, "singleflight-cache-control"),
              ElementsAre("max-age=60", "max-age=60"));
}

class RequestControlTest : public ProxyTest {
 protected:
  Answer AskWith(const std::string& control, const std::string& message = "id-7") {
    return Ask(kRead, message, {.metadata = {{"cache-control", control}}});
  }
  static std::vector<std::string> Marks(const Answer& answer) {
    return ValuesOf(answer, "cache-status");
  }
};

TEST_F(RequestControlTest, CallersSayWhatTheyTakeOfTheCache) {
  Serve({.cache = "{ttl: 1h}"});
  EXPECT_THAT(AskWith("only-if-cached"),
              FailedWith(absl::StatusCode::kUnavailable,
                         "the request's cache-control is only-if-cached, "
                         "and no reply that it takes is kept"));
  EXPECT_EQ(backend_.calls(), 0);
  EXPECT_EQ(Metric("singleflight_cache_only_if_cached_misses_total"), 1);
  Ask(kRead, "id-7");
  EXPECT_THAT(AskWith("only-if-cached"), IsOkWith("reply to id-7"));
  backend_.AnswerWith(Ok("news"));
  const Answer alone = AskWith("no-store");
  EXPECT_THAT(alone, IsOkWith("news"));
  EXPECT_THAT(Marks(alone), ElementsAre("singleflight; fwd=bypass; detail=no_store"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  const Answer renewed = AskWith("no-cache");
  EXPECT_THAT(renewed, IsOkWith("news"));
  EXPECT_THAT(Marks(renewed), ElementsAre("singleflight; fwd=request; stored"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("news"));
}

TEST_F(RequestControlTest, ARouteMayRefuseToObey) {
  Serve({.cache = "{ttl: 1h, request_cache_control: false}"});
  Ask(kRead, "id-7");
  for (const char* control : {"no-cache", "no-store", "max-age=0"}) AskWith(control);
  EXPECT_THAT(AskWith("only-if-cached", "id-8"), IsOkWith("reply to id-8"));
  EXPECT_EQ(backend_.calls(), 2);
}

TEST_F(RequestControlTest, CallersThatSayNoCacheShareOneCall) {
  Serve({.cache = "{ttl: 1h}"});
  Ask(kRead, "id-7");
  backend_.Hold();
  std::vector<PendingCall> herd;
  for (int i = 0; i < 20; ++i) {
    herd.push_back(Start(kRead, "id-7", {.metadata = {{"cache-control", "no-cache"}}}));
  }
  WaitForWaiters(20);
  backend_.Release();
  EXPECT_THAT(WaitAll(herd), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(backend_.calls(), 2);
}

}  // namespace
}  // namespace singleflight::testing
