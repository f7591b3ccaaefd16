// Calls of more than one message, on a catch-all route that collapses: they work as without the
// proxy.

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Ge;

class StreamTest : public ProxyTest {
 protected:
  void SetUp() override { Serve({.other_collapse = "true"}); }

  // Sends a message and reads what comes for it.
  static std::string Exchange(StreamCall& call, const std::string& message) {
    std::string reply;
    EXPECT_TRUE(call.Write(message) && call.Read(&reply));
    return reply;
  }

  int64_t Bypasses() { return Calls("bypass"); }
};

TEST_F(StreamTest, ABidirectionalStreamRunsAsConversation) {
  StreamCall call = client().Open("/test.Chat/Echo");
  for (const char* word : {"one", "two", "three"}) EXPECT_EQ(Exchange(call, word), word);
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(Bypasses(), 1);
}

TEST_F(StreamTest, AMethodWhoseRepliesStreamIsRecognisedTheNextTime) {
  for (int i = 0; i < 2; ++i) {
    StreamCall call = client().Open("/test.Chat/Echo");
    for (const char* word : {"one", "two"}) EXPECT_EQ(Exchange(call, word), word);
    EXPECT_TRUE(call.WritesDone());
    EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
  }
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{reason=\"streaming_method\"}"), 1);
}

// PITFALLS 48
TEST_F(StreamTest, WhatOneCallerSendsSwitchesSharingOffForNobody) {
  for (int i = 0; i < 2; ++i) {
    StreamCall call = client().Open("/test.Files/Upload");
    EXPECT_TRUE(call.Write("one") && call.Write("two") && call.WritesDone());
    EXPECT_THAT(call.Finish(), IsOkWith("reply to one"));
  }
  EXPECT_EQ(Metric("singleflight_calls_by_role_total{reason=\"streaming_method\"}"), 0);
  EXPECT_THAT(Ask("/test.Files/Upload", "one"), IsOkWith("reply to one"));
  EXPECT_EQ(Calls("leader"), 1);
}

TEST_F(StreamTest, ASlowClientStreamArrivesWhole) {
  StreamCall call = client().Open("/test.Files/Upload");
  EXPECT_TRUE(call.Write("part 1"));
  proxy_->WaitForMetric("singleflight_calls_by_role_total{role=\"bypass\"}", Eq(1));
  EXPECT_TRUE(call.Write("part 2"));
  EXPECT_TRUE(call.Write("part 3"));
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), IsOkWith("reply to part 1"));
  EXPECT_THAT(backend_.call(0).messages, ElementsAre("part 1", "part 2", "part 3"));
}

TEST_F(StreamTest, AStreamWithoutAnyMessageReachesUpstream) {
  StreamCall call = client().Open("/test.Files/Upload");
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), IsOkWith("reply to "));
}

TEST_F(StreamTest, ACallerThatLeavesAConversationIsMissedUpstream) {
  StreamCall call = client().Open("/test.Chat/Echo");
  EXPECT_EQ(Exchange(call, "one"), "one");
  call.Cancel();
  backend_.WaitForCancelled(1);
}

TEST_F(StreamTest, AConversationOfLargeMessagesIsNotCut) {
  StreamCall call = client().Open("/test.Chat/Echo");
  const std::string large(3 << 20, 'x');
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Exchange(call, large), large);
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
}

// PITFALLS 13
TEST_F(StreamTest, AReaderThatStopsReadingDelaysNobodyElse) {
  backend_.AnswerWith([](const SeenCall& call) {
    return call.method == "/test.Files/Download"
               ? Answer{absl::StatusCode::kOk, "", "",
                        std::vector<std::string>(64, std::string(1 << 20, 'x'))}
               : Ok("swift");
  });
  StreamCall unread = client().Open("/test.Files/Download");
  EXPECT_TRUE(unread.Write("all") && unread.WritesDone());
  backend_.WaitForCalls(1);
  for (int i = 0; i < 20; ++i)
    EXPECT_THAT(Ask("/test.Other/Get", std::to_string(i)), IsOkWith("swift"));
  EXPECT_EQ(Metric("singleflight_streams"), 1);
  EXPECT_EQ(unread.Finish().messages.size(), 64u);
}

TEST_F(StreamTest, ACallerThatLeavesBeforeItsRequestIsWholeIsCountedAsDeparted) {
  {
    StreamCall call = client().Open("/test.Files/Upload");
    proxy_->WaitForMetric("singleflight_streams", Eq(1));
  }
  proxy_->WaitForMetric("singleflight_calls_by_role_total{role=\"departed\"}", Eq(1));
  EXPECT_EQ(backend_.calls(), 0);
}

}  // namespace
}  // namespace singleflight::testing
