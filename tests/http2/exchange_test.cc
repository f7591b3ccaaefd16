// What crosses a session, and in which order.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http2/ends.h"

namespace singleflight::http2::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

using Connected = http2::testing::Pair;

TEST(ExchangeTest, ACallCrossesWithItsMessageBothWays) {
  Connected pair;
  auto call = pair.Ask("which kettle?");
  EXPECT_EQ(pair.served().headers, RequestFields());
  EXPECT_EQ(pair.served().body, "which kettle?");
  AnswerOk(*pair.served().stream, "the blue one");
  pair.Settle();
  EXPECT_EQ(call->headers, ReplyFields());
  EXPECT_EQ(call->body, "the blue one");
  EXPECT_TRUE(call->EndedAs(Closed::Why::kOrderly));
  EXPECT_TRUE(pair.served().EndedAs(Closed::Why::kOrderly));
}

// PITFALLS 12
TEST(ExchangeTest, TrailersKeepEveryFieldInOrderWithDuplicates) {
  const Fields trailing = {{"grpc-status", "5"},
                           {"grpc-message", "no kettle"},
                           {"grpc-status-details-bin", "CAUSBGtldHQ"},
                           {"x-twice", "b"},
                           {"x-twice", "a"},
                           {"x-empty", ""}};
  Connected pair;
  auto call = pair.Ask();
  pair.served().stream->SendHeaders(Block(ReplyFields({{"x-first", "1"}})), false);
  pair.served().stream->Send(base::Slice("kettle"));
  pair.served().stream->Finish(Trailing(trailing));
  pair.Settle();
  EXPECT_EQ(call->trailing, trailing);
  EXPECT_EQ(call->headers.back(), std::make_pair(std::string("x-first"), std::string("1")));
}

// PITFALLS 25
TEST(ExchangeTest, ATrailersOnlyReplyIsOneBlockThatEndsTheStream) {
  const Fields block =
      ReplyFields({{"grpc-status", "5"}, {"grpc-message", "no kettle"}, {"x-why", "sold"}});
  Connected pair;
  auto call = pair.Ask();
  pair.served().stream->SendHeaders(Block(block), true);
  pair.Settle();
  EXPECT_EQ(call->headers, block);
  EXPECT_EQ(call->blocks, 1);
  EXPECT_TRUE(call->ended);
  EXPECT_TRUE(call->trailing.empty());
}

// PITFALLS 34
TEST(ExchangeTest, ATrailingSpaceInAStatusMessageSurvives) {
  Connected pair;
  auto call = pair.Ask();
  pair.served().stream->SendHeaders(
      Block(ReplyFields({{"grpc-status", "5"}, {"grpc-message", "no such id: "}})), true);
  pair.Settle();
  EXPECT_THAT(call->headers.back(), Pair("grpc-message", "no such id: "));
}

// PITFALLS 34
TEST(ExchangeTest, SpacesAroundARequestsMetadataReachTheServer) {
  Connected pair;
  auto call = pair.Open(RequestFields("/s/M", {{"x-note", " spaced "}}));
  pair.Settle();
  EXPECT_THAT(pair.served().headers.back(), Pair("x-note", " spaced "));
}

TEST(ExchangeTest, AFieldThatMustNotBeIndexedStaysSo) {
  Connected pair;
  model::Headers fields = Block(RequestFields());
  fields.Add("authorization", "Bearer 1", true);
  pair.client.Open(fields, std::make_shared<Ear>());
  pair.Settle();
  for (const model::Field field : pair.served().block) {
    EXPECT_EQ(field.never_index, field.name == "authorization") << field.name;
  }
}

TEST(ExchangeTest, ARequestTrailerBlockCrosses) {
  Connected pair;
  auto call = pair.Open();
  call->stream->Send(base::Slice("a"));
  call->stream->Finish(Trailing({{"x-checksum", "7"}}));
  pair.Settle();
  EXPECT_THAT(pair.served().trailing, ElementsAre(Pair("x-checksum", "7")));
}

TEST(ExchangeTest, InformationalBlocksAreNoReply) {
  ByHand client(Side::kClient);
  client.Greet();
  auto call = client.Open();
  client.Listen();
  client.SayHeaders(1, {{":status", "103"}, {"link", "<x>"}});
  EXPECT_EQ(call->blocks, 0);
  client.SayHeaders(1, ReplyFields({{"grpc-status", "0"}}), true);
  ASSERT_EQ(call->blocks, 1);
  EXPECT_THAT(call->headers.front(), Pair(":status", "200"));
}

// PITFALLS 31
TEST(ExchangeTest, AServerThatAnswersBeforeTheRequestEndsAsksTheClientToStop) {
  ByHand server(Side::kServer);
  server.Greet();
  server.SayHeaders(1, RequestFields());
  server.Say(Data(1, "half of the"));
  AnswerOk(*server.ear().stream, "enough");
  server.Listen();
  EXPECT_EQ(server.BodyOf(1), "enough");
  ASSERT_GE(server.frames.size(), 2u);
  EXPECT_TRUE(server.frames[server.frames.size() - 2].Has(kEndStream));
  EXPECT_EQ(server.frames.back().type, kRstStream);
  EXPECT_EQ(server.ResetOf(1), 0) << "NO_ERROR";
  EXPECT_TRUE(server.ear().EndedAs(Closed::Why::kOrderly));
}

// PITFALLS 31
TEST(ExchangeTest, AReplyThatIsWholeBeforeTheRequestIsStillDelivered) {
  Connected pair;
  auto call = pair.Open();
  call->stream->Send(base::Slice("half of the"));
  pair.Settle();
  AnswerOk(*pair.served().stream, "enough");
  pair.Settle();
  EXPECT_EQ(call->body, "enough");
  EXPECT_THAT(call->trailing, ElementsAre(Pair("grpc-status", "0")));
  EXPECT_TRUE(call->EndedAs(Closed::Why::kOrderly));
  EXPECT_EQ(pair.client.streams() + pair.server.streams(), 0u);
}

TEST(ExchangeTest, AResetTellsTheOtherSideItsCode) {
  Connected pair;
  auto call = pair.Ask();
  call->stream->Reset(ErrorCode::kCancel);
  pair.Settle();
  ASSERT_TRUE(pair.served().EndedAs(Closed::Why::kReset));
  EXPECT_EQ(pair.served().closed->error, 8u);
  EXPECT_FALSE(call->closed.has_value()) << "the one that resets knows already";
}

TEST(ExchangeTest, RefusedMeansNotProcessedToAClientOnly) {
  Connected pair;
  auto call = pair.Ask();
  pair.served().stream->Reset(ErrorCode::kRefusedStream);
  pair.Settle();
  EXPECT_TRUE(call->EndedAs(Closed::Why::kNotProcessed));
}

TEST(ExchangeTest, AResetWithNoErrorIsNoOrderlyEnd) {
  Connected pair;
  auto call = pair.Ask();
  call->stream->Reset(ErrorCode::kNoError);
  pair.Settle();
  EXPECT_TRUE(pair.served().EndedAs(Closed::Why::kReset));
  auto second = pair.Ask();
  pair.served(1).stream->Reset(ErrorCode::kNoError);
  pair.Settle();
  EXPECT_TRUE(second->EndedAs(Closed::Why::kReset));
}

TEST(ExchangeTest, StreamsThatAreLeftLearnThatTheConnectionIsGone) {
  auto call = std::make_shared<Ear>();
  {
    Connected pair;
    call = pair.Ask();
  }
  EXPECT_TRUE(call->EndedAs(Closed::Why::kConnectionLost));
}

TEST(ExchangeTest, ARequestThatNeverLeftIsNotProcessedWhenTheConnectionIsGone) {
  std::shared_ptr<Ear> sent, kept_back;
  {
    Connected pair;
    sent = pair.Ask();
    kept_back = pair.Open();
  }
  EXPECT_TRUE(sent->EndedAs(Closed::Why::kConnectionLost));
  EXPECT_TRUE(kept_back->EndedAs(Closed::Why::kNotProcessed));
}

TEST(ExchangeTest, AHandlerMayResetItsStreamFromWithinAnyCallback) {
  for (int when = 0; when < 3; ++when) {
    Connected pair;
    pair.server_owner.prepare = [when](Ear& ear) {
      const auto reset = [&ear] { ear.stream->Reset(ErrorCode::kCancel); };
      if (when == 0) ear.on_headers = reset;
      if (when == 1) ear.on_data = reset;
      if (when == 2) ear.on_end = reset;
    };
    auto call = pair.Ask();
    EXPECT_TRUE(call->EndedAs(Closed::Why::kReset)) << when;
    EXPECT_FALSE(pair.served().closed.has_value());
    EXPECT_EQ(pair.server.streams(), 0u);
  }
}

TEST(ExchangeTest, AHandlerMayOpenTheNextCallWhenItsOwnEnds) {
  SessionOptions one_at_a_time;
  one_at_a_time.max_concurrent_streams = 1;
  Connected pair({}, one_at_a_time);
  auto first = pair.Ask();
  std::shared_ptr<Ear> second;
  ASSERT_FALSE(pair.client.CanOpen());
  first->on_closed = [&] {
    ASSERT_TRUE(pair.client.CanOpen());
    second = pair.Open();
  };
  AnswerOk(*pair.served().stream, "done");
  pair.Settle();
  ASSERT_EQ(pair.server_owner.ears.size(), 2u);
  AnswerOk(*pair.served(1).stream, "done too");
  pair.Settle();
  EXPECT_EQ(second->body, "done too");
}

// PITFALLS 44
TEST(ExchangeTest, FramesOfManyStreamsAreNeverInterleavedWrongly) {
  SessionOptions narrow;
  narrow.stream_window_bytes = 70000;
  Connected pair(narrow, narrow);
  std::vector<std::shared_ptr<Ear>> calls;
  const auto message = [](size_t i) {
    return std::string(1000 * i + i, static_cast<char>('a' + i % 26));
  };
  for (size_t i = 0; i < 100; ++i) {
    calls.push_back(pair.Open());
    calls.back()->stream->Send(base::Slice(message(i)));
    calls.back()->stream->Finish({});
  }
  pair.server_owner.prepare = [](Ear& ear) {
    ear.on_end = [&ear] { AnswerOk(*ear.stream, ear.body); };
  };
  pair.Settle();
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(calls[i]->body, message(i));
    EXPECT_EQ(calls[i]->sent, message(i).size());
    EXPECT_TRUE(calls[i]->EndedAs(Closed::Why::kOrderly));
  }
}

TEST(ExchangeTest, BytesMayComeOneAtATime) {
  ByHand server(Side::kServer);
  ByHand client(Side::kClient);
  client.Greet();
  auto call = client.Open();
  call->stream->Send(base::Slice("kettle"));
  call->stream->Finish({});
  client.Listen();
  std::string bytes(kPreface);
  for (const Frame& frame : client.frames) bytes += frame.Encoded();
  for (const char byte : bytes) server.Say(std::string(1, byte));
  EXPECT_EQ(server.ear().body, "kettle");
  EXPECT_TRUE(server.ear().ended);
}

TEST(ExchangeTest, TheLastFrameOfAPeerIsKnownBeforeItIsWhole) {
  ByHand server(Side::kServer);
  server.Greet();
  server.SayHeaders(1, RequestFields());
  server.Say(Data(1, "ket").Encoded());
  EXPECT_FALSE(server.ear().stream->ending());
  const std::string last = Data(1, "tle", kEndStream).Encoded();
  server.Say(last.substr(0, last.size() - 1));
  EXPECT_EQ(server.ear().body, "kettl");
  EXPECT_TRUE(server.ear().stream->ending());
  EXPECT_FALSE(server.ear().ended);
}

}  // namespace
}  // namespace singleflight::http2::testing
