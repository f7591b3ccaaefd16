// What callers get: all of it, whatever its shape and size.

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Key;
using ::testing::Le;
using ::testing::Not;
using ::testing::Pair;

class ReplyTest : public ProxyTest {
 protected:
  // What three callers of one flight get.
  std::vector<Answer> AnswersOfAHerd() {
    backend_.Hold();
    std::vector<PendingCall> herd = StartHerd(3);
    backend_.Release();
    return WaitAll(herd);
  }
};

// PITFALLS 12
TEST_F(ReplyTest, EveryFollowerGetsMetadataTrailersAndMessage) {
  Serve();
  Answer rich = Ok("body");
  rich.initial = {{"x-dup", "1"}, {"x-dup", "2"}, {"x-raw-bin", std::string("\0\xff,\x01", 4)}};
  rich.trailing = {{"x-end", "a"}, {"x-end", "b"}, {"x-sum-bin", "\xfe\xff"}};
  backend_.AnswerWith(rich);
  for (Answer& answer : AnswersOfAHerd()) {
    EXPECT_EQ(answer.messages, rich.messages);
    const auto marks = std::erase_if(answer.initial, [](const auto& field) {
      return field.first == "age" || field.first == "cache-status";
    });
    EXPECT_EQ(marks, 2u);
    EXPECT_EQ(answer.initial, rich.initial);
    EXPECT_EQ(answer.trailing, rich.trailing);
  }
  EXPECT_EQ(backend_.calls(), 1);
}

// PITFALLS 12, 25
TEST_F(ReplyTest, EveryFollowerGetsTheErrorAndItsDetails) {
  Serve();
  Answer error = Failed(absl::StatusCode::kNotFound, "no such id: é% ");
  error.details = std::string("\x08\x05\0details", 10);
  error.trailing = {{"x-reason", "gone"}};
  backend_.AnswerWith(error);
  for (const Answer& answer : AnswersOfAHerd()) {
    EXPECT_THAT(answer, FailedWith(absl::StatusCode::kNotFound, "no such id: é% "));
    EXPECT_EQ(answer.details, error.details);
    EXPECT_THAT(answer.trailing, Contains(Pair("x-reason", "gone")));
  }
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(ReplyTest, AnEmptyMessageIsAReply) {
  Serve();
  backend_.AnswerWith(Ok(""));
  EXPECT_THAT(AnswersOfAHerd(), Each(IsOkWith("")));
}

TEST_F(ReplyTest, ACompressedRequestArrives) {
  Serve();
  const std::string long_one(10000, 'x');
  EXPECT_THAT(Ask(kRead, long_one, {.compress = Compression::kGzip}),
              IsOkWith("reply to " + long_one));
  EXPECT_THAT(Ask(kWrite, long_one, {.compress = Compression::kGzip}),
              IsOkWith("reply to " + long_one));
}

TEST_F(ReplyTest, EightMebibytesCrossARelayRouteBothWays) {
  Serve();
  const std::string large(8 << 20, 'x');
  EXPECT_THAT(Ask(kWrite, large), IsOkWith("reply to " + large));
}

TEST_F(ReplyTest, EightMebibytesAreSharedWhereTheyMayBe) {
  Serve();
  const std::string large(8 << 20, 'x');
  backend_.AnswerWith(Ok(large));
  EXPECT_THAT(AnswersOfAHerd(), Each(IsOkWith(large)));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(ReplyTest, ALargeRequestIsRelayedOnItsOwn) {
  Serve({.collapse = "{max_request_bytes: 1KiB}"});
  const std::string large(4096, 'x');
  EXPECT_THAT(Ask(kRead, large), IsOkWith("reply to " + large));
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{reason=\"request_too_large\"}"), 1);
}

// Replies that cannot be shared.
class UnsharableTest : public ProxyTest {
 protected:
  void ServeSmallReplies() {
    Serve({.collapse = "{flight_timeout: 1m, max_join_age: 1m, max_reply_bytes: 1KiB}",
           .upstream = "release_concurrency: 2"});
    backend_.AnswerWith(Ok(large_));
  }

  const std::string large_ = std::string(100000, 'x');
};

TEST_F(UnsharableTest, AReplyTooLargeToShareStillReachesEveryone) {
  ServeSmallReplies();
  backend_.Hold();
  std::vector<PendingCall> herd = StartHerd(5);
  backend_.Release();
  EXPECT_THAT(WaitAll(herd), Each(IsOkWith(large_)));
  EXPECT_EQ(backend_.calls(), 5);
  EXPECT_EQ(Metric("singleflight_waiters_released_total{reason=\"reply_too_large\"}"), 4);
}

TEST_F(UnsharableTest, AKeyWithALargeReplyIsRemembered) {
  ServeSmallReplies();
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith(large_));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith(large_));
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{reason=\"large_reply\"}"), 1);
}

// PITFALLS 11
TEST_F(UnsharableTest, AHerdThatCannotBeSharedIsNoStampede) {
  ServeSmallReplies();
  backend_.Hold();
  std::vector<PendingCall> leader = StartHerd(1);
  std::vector<PendingCall> followers = StartHerd(6);
  backend_.WaitForHeld(1);
  backend_.ReleaseOne();
  EXPECT_THAT(leader.front().Wait(), IsOkWith(large_));
  for (int waiting = 4; waiting >= 0; --waiting) {
    proxy_->WaitForMetric("singleflight_release_queue", Eq(waiting));
    backend_.WaitForHeld(2);
    EXPECT_EQ(backend_.held(), 2);
    backend_.ReleaseOne();
  }
  backend_.Release();
  EXPECT_THAT(WaitAll(followers), Each(IsOkWith(large_)));
}

TEST_F(UnsharableTest, WhenTheLeaderHasLeftALargeReplyIsCutOff) {
  ServeSmallReplies();
  backend_.Hold();
  std::vector<PendingCall> leader = StartHerd(1);
  std::vector<PendingCall> followers = StartHerd(2);
  leader.front().Cancel();
  WaitForWaiters(2);
  backend_.Release();
  EXPECT_THAT(WaitAll(followers), Each(IsOkWith(large_)));
  EXPECT_EQ(backend_.calls(), 3);
}

TEST_F(UnsharableTest, AStreamOfRepliesReachesEveryoneOnACollapseRoute) {
  Serve();
  backend_.AnswerWith({absl::StatusCode::kOk, "", "", {"one", "two", "three"}});
  backend_.Hold();
  StreamCall first = client().Open("/test.Reads/Watch");
  StreamCall second = client().Open("/test.Reads/Watch");
  for (StreamCall* call : {&first, &second}) EXPECT_TRUE(call->Write("id-7") && call->WritesDone());
  WaitForWaiters(2);
  backend_.Release();
  EXPECT_THAT(first.Finish().messages, ElementsAre("one", "two", "three"));
  EXPECT_THAT(second.Finish().messages, ElementsAre("one", "two", "three"));
  EXPECT_EQ(Metric("singleflight_waiters_released_total{reason=\"reply_streams\"}"), 1);
}

TEST_F(UnsharableTest, AMethodThatStreamsIsRemembered) {
  Serve();
  backend_.AnswerWith({absl::StatusCode::kOk, "", "", {"one", "two"}});
  for (int i = 0; i < 3; ++i) {
    StreamCall call = client().Open("/test.Reads/Watch");
    EXPECT_TRUE(call.Write("id-7") && call.WritesDone());
    EXPECT_THAT(call.Finish().messages, ElementsAre("one", "two"));
  }
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{reason=\"streaming_method\"}"), 2);
}

TEST_F(UnsharableTest, AReplyThatStaysOpenIsNotKeptFromItsReader) {
  Serve();
  backend_.KeepOpen();
  StreamCall call = client().Open("/test.Reads/Watch");
  EXPECT_TRUE(call.Write("id-7") && call.WritesDone());
  std::string message;
  EXPECT_TRUE(call.Read(&message));
  EXPECT_EQ(message, "reply to id-7");
  backend_.Release();
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
}

}  // namespace
}  // namespace singleflight::testing
