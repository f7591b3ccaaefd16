// Rules that look into messages, with real gRPC: routes chosen by a field, replies tagged by
// fields, writes that drop what their fields name.

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/wire/fields.h"

namespace singleflight::testing {
namespace {

using ::testing::Eq;

std::string Old(const std::string& key) { return wire::Text(1, key) + wire::Number(7, 1); }
std::string Latest(const std::string& key) { return wire::Text(1, key); }

class MatchedFieldsTest : public ProxyTest {
 protected:
  // Reads with field 7 are shared, all others are relayed.
  void SetUp() override {
    Serve({.collapse = "false",
           .routes = "  - match: {method: /test.Reads/Get, field: {\"7\": true}}\n"
                     "    upstream: backend\n"
                     "    collapse: {flight_timeout: 1m, max_join_age: 1m}\n"});
  }
  int64_t CallsOf(const std::string& route) {
    return Metric("singleflight_calls_total{route=\"" + route + "\"}");
  }
};

TEST_F(MatchedFieldsTest, OneAddressServesReadsThatMayBeOldAndThoseThatMayNot) {
  backend_.Hold();
  std::vector<PendingCall> calls = StartHerd(20, Old("cup"));
  for (int i = 0; i < 5; ++i) calls.push_back(Start(kRead, Latest("cup")));
  backend_.WaitForHeld(6);
  backend_.Release();
  WaitAll(calls);
  EXPECT_EQ(backend_.calls(), 6);
  EXPECT_EQ(CallsOf("/test.Reads/Get?7=true"), 20);
  EXPECT_EQ(CallsOf("/test.Reads/*"), 5);
}

TEST_F(MatchedFieldsTest, CompressedMessagesAreLookedInto) {
  backend_.Hold();
  std::vector<PendingCall> calls;
  for (const Compression how : {Compression::kGzip, Compression::kDeflate, Compression::kNone}) {
    calls.push_back(Start(kRead, Old(std::string(1000, 'x')), {.compress = how}));
  }
  WaitForWaiters(3);
  backend_.Release();
  for (const Answer& answer : WaitAll(calls)) EXPECT_THAT(answer, HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(MatchedFieldsTest, AConversationIsRelayedFromItsFirstMessageOn) {
  StreamCall call = client().Open("/test.Reads/Get");
  ASSERT_TRUE(call.Write(Old("cup")));
  backend_.WaitForCalls(1);
  ASSERT_TRUE(call.Write(Old("cup")));
  ASSERT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(CallsOf("/test.Reads/*"), 1);
  EXPECT_EQ(Metric("singleflight_match_refusals_total{route=\"/test.Reads/Get?7=true\"}"), 1);
}

// A backend with a value for each key. Reads name theirs in field 1, writes in field 1 of field 2,
// with the value in field 3.
class TagsTest : public ProxyTest {
 protected:
  void SetUp() override { AnswerFromValues(); }

  void AnswerFromValues() {
    backend_.AnswerWith([this](const SeenCall& call) {
      const std::string& message = call.messages.front();
      if (absl::StartsWith(call.method, "/test.Reads/")) {
        return Ok(values_[call.authority + KeyIn(message)]);
      }
      const size_t value = message.rfind('=');
      values_[call.authority + KeyIn(message)] = message.substr(value + 1);
      return Ok("done");
    });
  }

  // Keys are written "<7>".
  static std::string KeyIn(const std::string& message) {
    const size_t open = message.find('<');
    return message.substr(open, message.find('>') - open);
  }
  static std::string Get(const std::string& key) { return wire::Text(1, "<" + key + ">"); }
  static std::string Put(const std::string& key, const std::string& value) {
    return wire::Text(2, Get(key)) + wire::Text(3, "=" + value);
  }

  void Keep(const std::string& top = "", const std::string& upstream = "") {
    Serve({.cache = "{ttl: 1h, tags: [\"item:{1}\", all]}",
           .upstream = upstream,
           .top = top,
           .invalidates = "[\"item:{2.1}\"]"});
  }
  int64_t Wide() { return Metric("singleflight_cache_wide_invalidations_total"); }

  std::map<std::string, std::string> values_;  // guarded by the backend's lock
};

TEST_F(TagsTest, AWriterReadsWhatItWroteThousandsOfTimes) {
  Keep();
  Ask(kWrite, Put("other", "red"));
  EXPECT_THAT(Ask(kRead, Get("other")), IsOkWith("red"));
  for (int i = 0; i < 3000; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_THAT(Ask(kWrite, Put("7", value)), IsOkWith("done"));
    ASSERT_THAT(Ask(kRead, Get("7")), IsOkWith(value));
    if (i % 10 != 0) continue;
    ASSERT_THAT(Ask(kRead, Get("7")), IsOkWith(value));
  }
  EXPECT_EQ(Calls("hit"), 300);
  EXPECT_THAT(Ask(kRead, Get("other")), IsOkWith("red"));
  EXPECT_EQ(Calls("hit"), 301) << "what the writes did not name stays";
  EXPECT_EQ(Metric("singleflight_cache_invalidations_total"), 3001);
  EXPECT_EQ(Wide(), 0);
}

TEST_F(TagsTest, SoDoReadersOnOtherWorkers) {
  Keep("threads: 2");
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(NewClient());
  for (int i = 0; i < 200; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_THAT(clients[i % 4].Ask(kWrite, Put("7", value)), IsOkWith("done"));
    for (Client& client : clients) ASSERT_THAT(client.Ask(kRead, Get("7")), IsOkWith(value));
  }
  EXPECT_EQ(Calls("hit"), 600);
}

TEST_F(TagsTest, TwoTenantsDropNothingOfEachOther) {
  Keep("", "authority: preserve");
  Client a(proxy_->address(), "a.example"), b(proxy_->address(), "b.example");
  a.Ask(kWrite, Put("7", "blue"));
  b.Ask(kWrite, Put("7", "red"));
  EXPECT_THAT(a.Ask(kRead, Get("7")), IsOkWith("blue"));
  EXPECT_THAT(b.Ask(kRead, Get("7")), IsOkWith("red"));
  b.Ask(kWrite, Put("7", "green"));
  EXPECT_THAT(b.Ask(kRead, Get("7")), IsOkWith("green"));
  EXPECT_EQ(Calls("hit"), 0);
  EXPECT_THAT(a.Ask(kRead, Get("7")), IsOkWith("blue"));
  EXPECT_EQ(Calls("hit"), 1) << "a's is still kept";
}

class UnknownOutcomeTest : public TagsTest {
 protected:
  // The write is with the backend, which says nothing; what is read meanwhile is kept.
  PendingCall WriteWithoutReply(const CallOptions& options = {}) {
    backend_.AnswerWith(Ok("blue"));
    EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("blue"));
    backend_.Hold();
    PendingCall write = Start(kWrite, Put("7", "green"), options);
    backend_.WaitForHeld(1);
    backend_.HoldNoMore();
    backend_.AnswerWith(Ok("green"));
    return write;
  }
  void ExpectDropped() { EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("green")); }
};

TEST_F(UnknownOutcomeTest, AWriteWhoseDeadlinePassesDropsItsGroups) {
  Keep();
  PendingCall write = WriteWithoutReply({.timeout = std::chrono::milliseconds(300)});
  EXPECT_THAT(write.Wait(), HasCode(absl::StatusCode::kDeadlineExceeded));
  backend_.WaitForCancelled(1);
  ExpectDropped();
}

TEST_F(UnknownOutcomeTest, AWriteThatItsCallerCancelsDropsItsGroups) {
  Keep();
  PendingCall write = WriteWithoutReply();
  write.Cancel();
  EXPECT_THAT(write.Wait(), HasCode(absl::StatusCode::kCancelled));
  backend_.WaitForCancelled(1);
  ExpectDropped();
}

TEST_F(UnknownOutcomeTest, AWriteThatFailsDropsItsGroups) {
  Keep();
  backend_.AnswerWith(Ok("blue"));
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("blue"));
  backend_.AnswerWith(Failed(absl::StatusCode::kInternal, "half of it is done"));
  EXPECT_THAT(Ask(kWrite, Put("7", "green")), HasCode(absl::StatusCode::kInternal));
  backend_.AnswerWith(Ok("half green"));
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("half green"));
}

TEST_F(UnknownOutcomeTest, AWriteThatNeverReachedTheBackendDropsNothing) {
  Keep();
  backend_.AnswerWith(Ok("blue"));
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("blue"));
  backend_.Stop();
  proxy_->WaitForMetric("singleflight_upstream_connections", Eq(0));
  EXPECT_THAT(Ask(kWrite, Put("7", "green")), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("blue"));
  EXPECT_EQ(Calls("hit"), 1);
  backend_.Start();
}

TEST_F(TagsTest, AWriteThatCannotBeReadDropsEveryGroup) {
  Keep();
  Ask(kWrite, Put("7", "blue"));
  Ask(kWrite, Put("8", "red"));
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("blue"));
  EXPECT_THAT(Ask(kRead, Get("8")), IsOkWith("red"));
  backend_.AnswerWith(Ok("new"));
  Ask(kWrite, "\xff");
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("new"));
  EXPECT_THAT(Ask(kRead, Get("8")), IsOkWith("new"));
  EXPECT_EQ(Wide(), 1);
}

TEST_F(TagsTest, AReplyWhoseRequestCannotBeReadIsNotKept) {
  Keep();
  backend_.AnswerWith(Ok("blue"));
  Ask(kRead, "\xff");
  Ask(kRead, "\xff");
  EXPECT_EQ(Calls("hit"), 0);
  EXPECT_EQ(Metric("singleflight_cache_refusals_total{reason=\"tags\"}"), 2);
}

// Writes under the configuration between could not say what they change.
TEST_F(TagsTest, TagsThatComeBackServeNothingFromBefore) {
  Keep("threads: 1");
  Ask(kWrite, Put("7", "blue"));
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("blue"));
  Reload({.cache = "{ttl: 1h}", .top = "threads: 1"});
  Ask(kWrite, Put("7", "green"));
  Reload({.cache = "{ttl: 1h, tags: [\"item:{1}\", all]}",
          .top = "threads: 1",
          .invalidates = "[\"item:{2.1}\"]"});
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("green"));
}

TEST_F(TagsTest, AReloadWithOtherTagsServesNothingFromBefore) {
  Keep();
  Ask(kWrite, Put("7", "blue"));
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("blue"));
  Reload({.cache = "{ttl: 1h, tags: [\"thing:{1}\"]}", .invalidates = "[\"thing:{2.1}\"]"});
  Ask(kWrite, Put("7", "green"));
  EXPECT_THAT(Ask(kRead, Get("7")), IsOkWith("green"));
}

}  // namespace
}  // namespace singleflight::testing
