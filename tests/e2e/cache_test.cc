// Replies that are kept for a while: which, for how long, and who gets them.

#include <csignal>

#include "absl/strings/str_cat.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::Each;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::Le;

class CacheTest : public ProxyTest {
 protected:
  void Keep(const std::string& cache = "{ttl: 1h}", const std::string& top = "") {
    Serve({.cache = cache, .top = top});
  }

  // Asks for the same until it is not in the cache any more. No clock: each look is a call.
  void AskUntilUpstreamIsCalledAgain() {
    const int before = backend_.calls();
    for (const Deadline deadline; backend_.calls() == before && !deadline.passed();) {
      ASSERT_THAT(Ask(kRead, "id-7"), HasCode(absl::StatusCode::kOk));
    }
    EXPECT_GT(backend_.calls(), before);
  }

  int64_t Refusals(const std::string& reason) {
    return Metric("singleflight_cache_refusals_total{reason=\"" + reason + "\"}");
  }
  int64_t Evictions(const std::string& reason) {
    return Metric("singleflight_cache_evictions_total{reason=\"" + reason + "\"}");
  }
};

Answer WithField(const std::string& name, const std::string& value) {
  Answer answer = Ok("blue kettle");
  answer.initial = {{name, value}};
  return answer;
}

TEST_F(CacheTest, ASecondCallIsAHit) {
  Keep();
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(Calls("leader"), 1);
  EXPECT_EQ(Calls("hit"), 1);
  EXPECT_EQ(Metric("singleflight_calls_saved_total"), 1);
  EXPECT_EQ(Metric("singleflight_cache_stores_total"), 1);
  EXPECT_EQ(Metric("singleflight_cache_entries"), 1);
}

// PITFALLS 12
TEST_F(CacheTest, AHitHasMetadataTrailersAndMessage) {
  Keep();
  Answer rich = Ok(std::string("\0body", 5));
  rich.initial = {{"x-dup", "1"}, {"x-dup", "2"}, {"x-raw-bin", std::string("\0\xff,\x01", 4)}};
  rich.trailing = {{"x-end", "a"}, {"x-end", "b"}, {"x-sum-bin", "\xfe\xff"}};
  backend_.AnswerWith(rich);
  for (int i = 0; i < 2; ++i) {
    Answer answer = Ask(kRead, "id-7");
    std::erase_if(answer.initial, [](const auto& field) {
      return field.first == "age" || field.first == "cache-status";
    });
    EXPECT_EQ(answer, rich);
  }
  EXPECT_EQ(Calls("hit"), 1);
}

TEST_F(CacheTest, AnEmptyMessageIsKept) {
  Keep();
  backend_.AnswerWith(Ok(""));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith(""));
  EXPECT_EQ(Calls("hit"), 1);
}

// PITFALLS 15
TEST_F(CacheTest, AHitIsWithoutWhatWasMeantForItsFirstCaller) {
  Keep();
  Answer answer = Ok("body");
  answer.trailing = {{"grpc-retry-pushback-ms", "50"}};
  backend_.AnswerWith(answer);
  EXPECT_EQ(Ask(kRead, "id-7").trailing, answer.trailing);
  EXPECT_EQ(Ask(kRead, "id-7").trailing, Metadata());
  EXPECT_EQ(Calls("hit"), 1);
}

TEST_F(CacheTest, ConnectionsAndWorkersShareOneCache) {
  Keep("{ttl: 1h}", "threads: 2");
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(NewClient().Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  }
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(Calls("hit"), 3);
}

// PITFALLS 17
TEST_F(CacheTest, CallersWithDifferentCredentialsHaveDifferentEntries) {
  Keep();
  for (const char* token : {"Bearer a", "Bearer b", "Bearer a"}) {
    Ask(kRead, "id-7", {.metadata = {{"authorization", token}}});
  }
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_EQ(Calls("hit"), 1);
}

TEST_F(CacheTest, WithoutCollapseConcurrentCallsAreApartAndLaterOnesHit) {
  Serve({.collapse = "false", .cache = "{ttl: 1h}"});
  backend_.Hold();
  std::vector<PendingCall> calls = StartHerd(2);
  backend_.WaitForHeld(2);
  EXPECT_TRUE(backend_.call(0).has_deadline);  // its caller's
  backend_.Release();
  EXPECT_THAT(WaitAll(calls), Each(IsOkWith("reply to id-7")));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(Calls("leader"), 2);
  EXPECT_EQ(Calls("hit"), 1);
}

TEST_F(CacheTest, WithoutCollapseACallersLeavingCancelsItsCall) {
  Serve({.collapse = "false", .cache = "{ttl: 1h}"});
  backend_.Hold();
  std::vector<PendingCall> calls = StartHerd(1);
  backend_.WaitForHeld(1);
  calls.front().Cancel();
  backend_.WaitForCancelled(1);
  EXPECT_EQ(Metric("singleflight_cache_stores_total"), 0);
}

TEST_F(CacheTest, AReplyIsForgottenWhenItsTimeIsOver) {
  Keep("{ttl: 50ms}");
  Ask(kRead, "id-7");
  backend_.AnswerWith(Ok("news"));
  AskUntilUpstreamIsCalledAgain();
  EXPECT_GE(Evictions("expired"), 1);
}

TEST_F(CacheTest, AReplyMayShortenItsTime) {
  Keep();
  backend_.AnswerWith(WithField("cache-control", "max-age=1"));
  Ask(kRead, "id-7");
  AskUntilUpstreamIsCalledAgain();
}

// PITFALLS 24
TEST_F(CacheTest, ARepliesWordThatItIsNotToBeKeptHolds) {
  Keep();
  const struct {
    Answer answer;
    const char* reason;
  } kTable[] = {
      {WithField("cache-control", "no-store"), "no_store"},
      {WithField("cache-control", "max-age=60, no-cache"), "no_store"},
      {WithField("cache-control", "max-age=soon"), "no_store"},
      {WithField("cache-control", "private"), "private"},
      {WithField("set-cookie", "id=7"), "private"},
      {WithField("cache-control", "max-age=0"), "stale"},
      {WithField("cache-groups", "no list of strings"), "groups"},
  };
  for (const auto& [answer, reason] : kTable) {
    backend_.AnswerWith(answer);
    const int64_t calls = backend_.calls();
    const int64_t refusals = Refusals(reason);
    for (int i = 0; i < 2; ++i) EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("blue kettle"));
    EXPECT_EQ(backend_.calls(), calls + 2) << answer;
    EXPECT_EQ(Refusals(reason), refusals + 2) << answer;
  }
}

TEST_F(CacheTest, NoStoreInTheTrailersHolds) {
  Keep();
  Answer answer = Ok("blue kettle");
  answer.trailing = {{"cache-control", "no-store"}};
  backend_.AnswerWith(answer);
  for (int i = 0; i < 2; ++i) Ask(kRead, "id-7");
  EXPECT_EQ(backend_.calls(), 2);
}

TEST_F(CacheTest, OverrideHoldsAgainstALifetimeAndNotAgainstNoStore) {
  Keep("{ttl: 1h, override: true}");
  backend_.AnswerWith(WithField("cache-control", "max-age=0"));
  for (int i = 0; i < 2; ++i) Ask(kRead, "id-7");
  EXPECT_EQ(backend_.calls(), 1);
  backend_.AnswerWith(WithField("cache-control", "no-store"));
  for (int i = 0; i < 2; ++i) Ask(kRead, "id-8");
  EXPECT_EQ(backend_.calls(), 3);
}

// PITFALLS 25
TEST_F(CacheTest, ErrorsAreNotKept) {
  Keep();
  backend_.AnswerWith(Failed(absl::StatusCode::kNotFound, "no such id"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Ask(kRead, "id-7"), FailedWith(absl::StatusCode::kNotFound, "no such id"));
  }
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_EQ(Refusals("status"), 2);
}

// PITFALLS 11
TEST_F(CacheTest, AHerdIsSharedEvenIfTheReplyIsNotKept) {
  Keep();
  backend_.AnswerWith(WithField("cache-control", "no-store"));
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(20);
  backend_.Release();
  EXPECT_THAT(WaitAll(herd), Each(IsOkWith("blue kettle")));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(CacheTest, ALargeReplyIsSharedAndNotKept) {
  Keep("{ttl: 1h}", "cache: {max_entry_bytes: 1KiB}");
  const std::string large(4096, 'x');
  backend_.AnswerWith(Ok(large));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith(large));
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_EQ(Refusals("too_large"), 2);
}

// PITFALLS 14, 30
TEST_F(CacheTest, TheCacheStaysWithinItsBytes) {
  Keep("{ttl: 1h}", "cache: {max_bytes: 256KiB, max_entry_bytes: 32KiB}");
  for (int i = 0; i < 400; ++i) Ask(kRead, absl::StrCat(i) + std::string(1000, 'x'));
  EXPECT_GT(Evictions("capacity"), 0);
  EXPECT_THAT(Metric("singleflight_cache_bytes"), Le(256 << 10));
  EXPECT_THAT(Metric("singleflight_cache_entries"), Gt(0));
}

TEST_F(CacheTest, HitsAreServedWhileTheBackendIsDown) {
  Keep();
  Ask(kRead, "id-7");
  backend_.Stop();
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_THAT(Ask(kRead, "id-8"), HasCode(absl::StatusCode::kUnavailable));
}

TEST_F(CacheTest, AfterKillAndRestartTheCacheIsEmpty) {
  Keep();
  Ask(kRead, "id-7");
  proxy_->Signal(SIGKILL);
  EXPECT_EQ(proxy_->WaitExit(), 128 + SIGKILL);
  Keep();
  EXPECT_EQ(Metric("singleflight_cache_entries"), 0);
  EXPECT_THAT(NewClient().Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  EXPECT_EQ(backend_.calls(), 2);
}

TEST_F(CacheTest, ReplyOfAMethodThatStreamsIsNotKept) {
  Keep();
  backend_.AnswerWith({absl::StatusCode::kOk, "", "", {"one", "two"}});
  for (int i = 0; i < 2; ++i) {
    StreamCall call = client().Open("/test.Reads/Watch");
    EXPECT_TRUE(call.Write("id-7") && call.WritesDone());
    EXPECT_EQ(call.Finish().messages.size(), 2u);
  }
  EXPECT_EQ(backend_.calls(), 2);
  EXPECT_EQ(Metric("singleflight_cache_entries"), 0);
}

TEST_F(CacheTest, EveryCallHasOneRoleAndRolesAddUp) {
  Serve({.collapse = "{flight_timeout: 1m, max_join_age: 1m, max_request_bytes: 1KiB}",
         .cache = "{ttl: 1h}"});
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(3);  // a leader, two followers
  {
    StreamCall departed = client().Open(kRead);
    proxy_->WaitForMetric("singleflight_streams", Eq(4));
  }
  proxy_->WaitForMetric("singleflight_calls_by_role_total{role=\"departed\"}", Eq(1));
  backend_.Release();
  WaitAll(herd);
  for (int i = 0; i < 4; ++i) Ask(kRead, "id-7");  // hits
  Ask(kRead, std::string(2000, 'x'));              // a bypass
  Ask(kWrite, "id-7");                             // a relay
  int64_t roles = 0;
  for (const char* role : {"hit", "leader", "follower", "relay", "bypass", "departed", "refused"}) {
    roles += Calls(role);
  }
  EXPECT_EQ(Calls("hit"), 4);
  EXPECT_EQ(roles, 10);
  EXPECT_EQ(Metric("singleflight_calls_total"), 10);
  EXPECT_EQ(Metric("singleflight_calls_saved_total"), 6);
}

}  // namespace
}  // namespace singleflight::testing
