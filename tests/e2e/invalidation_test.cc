// Writes drop what is kept, by groups (RFC 9875), before their callers have their replies.

#include "absl/strings/match.h"
#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::Each;
using ::testing::Eq;

// A backend with one value. Reads are in the group "kettles"; writes set the value to their message
// and say what they invalidate.
class InvalidationTest : public ProxyTest {
 protected:
  void SetUp() override { Invalidating("\"kettles\""); }

  void Invalidating(const std::string& groups, bool in_trailers = false) {
    backend_.AnswerWith([this, groups, in_trailers](const SeenCall& call) {
      if (absl::StartsWith(call.method, "/test.Reads/")) {
        Answer answer = Ok(value_);
        answer.initial = {{"cache-groups", "\"pots\", \"kettles\""}};
        return answer;
      }
      value_ = call.messages.front();
      Answer answer = Ok("done");
      (in_trailers ? answer.trailing : answer.initial) = {{"cache-group-invalidation", groups}};
      return answer;
    });
  }

  void Keep() { Serve({.cache = "{ttl: 1h}"}); }
  void WaitForInvalidations(int n) {
    proxy_->WaitForMetric("singleflight_cache_invalidations_total", Eq(n));
  }
  int64_t Purged() { return Metric("singleflight_cache_evictions_total{reason=\"purged\"}"); }

  std::string value_ = "blue";  // guarded by the backend's lock: only its answers use it
};

TEST_F(InvalidationTest, AWriterReadsWhatItWrote) {
  Keep();
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("blue"));
  EXPECT_THAT(Ask(kWrite, "green"), IsOkWith("done"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("green"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("green"));
  EXPECT_EQ(Calls("hit"), 1);
  EXPECT_EQ(Purged(), 1);
  EXPECT_EQ(Metric("singleflight_cache_invalidations_total"), 1);
}

TEST_F(InvalidationTest, ManyWritesLaterItStillDoes) {
  Keep();
  for (int i = 0; i < 100; ++i) {
    const std::string value = std::to_string(i);
    Ask(kWrite, value);
    EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith(value));
    EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith(value));
  }
  EXPECT_EQ(Calls("hit"), 100);
}

TEST_F(InvalidationTest, AWriteMaySayItInItsTrailers) {
  Invalidating("\"kettles\"", true);
  Keep();
  Ask(kRead, "id-7");
  Ask(kWrite, "green");
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("green"));
}

// The first block of a reply may come before the backend has done the work.
TEST_F(InvalidationTest, WhatWasReadWhileTheWriteWentOnIsDroppedAtItsEnd) {
  Keep();
  backend_.KeepOpen();
  PendingCall write = Start(kWrite, "green");
  WaitForInvalidations(1);
  backend_.AnswerWith([](const SeenCall&) {
    Answer answer = Ok("still blue");
    answer.initial = {{"cache-groups", "\"kettles\""}};
    return answer;
  });
  backend_.HoldNoMore();
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("still blue"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("still blue"));
  EXPECT_EQ(Calls("hit"), 1);
  backend_.Release();
  EXPECT_THAT(write.Wait(), IsOkWith("done"));
  backend_.AnswerWith(Ok("green"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("green"));
}

TEST_F(InvalidationTest, AWriteThatFailsMaySayItToo) {
  Keep();
  Ask(kRead, "id-7");
  Answer failed = Failed(absl::StatusCode::kInternal, "half of it is done");
  failed.trailing = {{"cache-group-invalidation", "\"kettles\""}};
  backend_.AnswerWith(failed);
  Ask(kWrite, "green");
  backend_.AnswerWith(Ok("half green"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("half green"));
}

TEST_F(InvalidationTest, OtherGroupsStay) {
  Invalidating("\"cups\", \"lids\"");
  Keep();
  Ask(kRead, "id-7");
  Ask(kWrite, "green");
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("blue"));
  EXPECT_EQ(Metric("singleflight_cache_invalidations_total"), 2);
}

TEST_F(InvalidationTest, AGroupIsTheSameWhateverCaseTheAuthorityIsWrittenIn) {
  Serve({.cache = "{ttl: 1h}", .upstream = "authority: preserve"});
  Client reader(proxy_->address(), "shop.example"), writer(proxy_->address(), "SHOP.example");
  EXPECT_THAT(reader.Ask(kRead, "id-7"), IsOkWith("blue"));
  EXPECT_THAT(writer.Ask(kWrite, "green"), IsOkWith("done"));
  EXPECT_THAT(reader.Ask(kRead, "id-7"), IsOkWith("green"));
}

TEST_F(InvalidationTest, AMalformedFieldDropsNothing) {
  Invalidating("kettles; \"");
  Keep();
  Ask(kRead, "id-7");
  EXPECT_THAT(Ask(kWrite, "green"), IsOkWith("done"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("blue"));
}

TEST_F(InvalidationTest, RepliesToReadsDropNothing) {
  Keep();
  Ask(kRead, "id-7");
  Answer answer = Ok("a read that invalidates");
  answer.initial = {{"cache-group-invalidation", "\"kettles\""}};
  backend_.AnswerWith(answer);
  Ask(kRead, "id-8");
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("blue"));
  EXPECT_EQ(Purged(), 0);
}

// PITFALLS 23
TEST_F(InvalidationTest, WhatWasOnItsWayWhenItWasPurgedIsNotKept) {
  Keep();
  backend_.Hold();
  std::vector<PendingCall> early = StartHerd(3);
  backend_.WaitForHeld(1);
  backend_.HoldNoMore();
  Ask(kWrite, "green");
  backend_.Release();
  WaitAll(early);
  EXPECT_EQ(Metric("singleflight_cache_stores_total"), 0);
  EXPECT_EQ(Metric("singleflight_cache_refusals_total{reason=\"purged\"}"), 1);
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("green"));
}

// PITFALLS 32
TEST_F(InvalidationTest, AReaderAfterTheWriteDoesNotJoinAFlightFromBeforeIt) {
  Keep();
  backend_.Hold();
  std::vector<PendingCall> early = StartHerd(1);
  backend_.WaitForHeld(1);
  backend_.HoldNoMore();
  Ask(kWrite, "green");
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("green"));
  backend_.Release();
  WaitAll(early);
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("green"));
  EXPECT_EQ(Calls("hit"), 1);
}

// PITFALLS 32
TEST_F(InvalidationTest, ThatHoldsOnARouteThatOnlyCollapses) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> early = StartHerd(1);
  backend_.WaitForHeld(1);
  backend_.HoldNoMore();
  Ask(kWrite, "green");
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("green"));
  backend_.Release();
  WaitAll(early);
}

TEST_F(InvalidationTest, ItHoldsForReadersOnOtherWorkers) {
  Serve({.cache = "{ttl: 1h}", .top = "threads: 2"});
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(NewClient());
  for (int i = 0; i < 20; ++i) {
    const std::string value = std::to_string(i);
    clients[i % 4].Ask(kWrite, value);
    for (Client& client : clients) EXPECT_THAT(client.Ask(kRead, "id-7"), IsOkWith(value));
  }
  EXPECT_EQ(Calls("hit"), 60);
}

// docs/semantics.md §5: its caller is told that the write's reply was too large; the write is done.
TEST_F(InvalidationTest, AWriteWhoseReplyHasTooMuchMetadataDropsItsGroups) {
  Serve({.cache = "{ttl: 1h}", .upstream = "max_reply_header_bytes: 1KiB"});
  Ask(kRead, "id-7");
  Answer large = Ok("done");
  large.initial = {{"cache-group-invalidation", "\"kettles\""},
                   {"x-large", std::string(4096, 'x')}};
  backend_.AnswerWith(large);
  EXPECT_THAT(Ask(kWrite, "green"), HasCode(absl::StatusCode::kResourceExhausted));
  backend_.AnswerWith(Ok("green"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("green"));
}

}  // namespace
}  // namespace singleflight::testing
