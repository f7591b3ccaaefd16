// How connections are ended, by either side, without losing a call that had not started.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http2/ends.h"

namespace singleflight::http2::testing {
namespace {

using Connected = http2::testing::Pair;

constexpr int32_t kNearTheEnd = (1 << 30) - 3;

// PITFALLS 26
TEST(GoAwayTest, CallsAboveTheLastStreamWereNotProcessedAndThoseBelowGoOn) {
  ByHand client(Side::kClient);
  client.Greet();
  auto below = client.Open();
  auto above = client.Open();
  client.Listen();
  client.Say(GoAway(1));
  EXPECT_EQ(client.owner.goaways, 1);
  EXPECT_FALSE(client.session.alive());
  EXPECT_FALSE(client.session.CanOpen());
  EXPECT_TRUE(above->EndedAs(Closed::Why::kNotProcessed));
  ASSERT_FALSE(below->closed.has_value());
  below->stream->Send(base::Slice("still sent"));
  below->stream->Finish({});
  client.Listen();
  EXPECT_EQ(client.BodyOf(1), "still sent");
  client.SayHeaders(1, ReplyFields({{"grpc-status", "0"}}), true);
  EXPECT_TRUE(below->EndedAs(Closed::Why::kOrderly));
  EXPECT_TRUE(client.session.Done());
}

// PITFALLS 26
TEST(GoAwayTest, ASecondGoAwayMayLowerTheLastStream) {
  ByHand client(Side::kClient);
  client.Greet();
  auto first = client.Open();
  auto second = client.Open();
  client.Listen();
  client.Say(GoAway(kEveryStream));
  EXPECT_FALSE(second->closed.has_value());
  client.Say(GoAway(1));
  EXPECT_TRUE(second->EndedAs(Closed::Why::kNotProcessed));
  EXPECT_FALSE(first->closed.has_value());
}

TEST(GoAwayTest, APeerThatGetsTooManyPingsIsHeard) {
  const auto heard = [](uint32_t error, const std::string& text) {
    ByHand client(Side::kClient);
    client.Greet();
    Frame goaway = GoAway(0, error);
    goaway.payload += text;
    client.Say(goaway);
    return client.session.pinged_too_often();
  };
  EXPECT_TRUE(heard(11, "too_many_pings"));
  EXPECT_FALSE(heard(11, ""));
  EXPECT_FALSE(heard(11, "too_many_pongs"));
  EXPECT_FALSE(heard(0, "too_many_pings"));
}

// PITFALLS 41
TEST(GoAwayTest, ARequestThatGoAwayOvertakesWasNotProcessed) {
  ByHand client(Side::kClient);
  client.Greet();
  client.Listen();
  auto call = client.Open();
  client.Say(GoAway(kEveryStream));
  EXPECT_TRUE(call->EndedAs(Closed::Why::kNotProcessed));
  EXPECT_TRUE(client.Heard(kHeaders).empty());
  EXPECT_EQ(client.session.streams(), 0u);
}

// PITFALLS 41
TEST(GoAwayTest, ARequestMayBeCancelledBeforeItLeft) {
  ByHand client(Side::kClient);
  client.Greet();
  auto call = client.Open();
  call->stream->Reset(ErrorCode::kCancel);
  client.Listen();
  EXPECT_TRUE(client.Heard(kHeaders).empty());
  EXPECT_EQ(client.session.streams(), 0u);
  EXPECT_FALSE(call->closed.has_value());
}

// PITFALLS 42
TEST(GoAwayTest, AConnectionRetiresWellBeforeItsStreamIdsEnd) {
  SessionOptions options;
  options.first_stream_id = kNearTheEnd;
  Connected pair(options);
  auto last_but_one = pair.Ask();
  EXPECT_TRUE(pair.client.alive());
  auto last = pair.Ask();
  EXPECT_EQ(last->stream->id(), kNearTheEnd + 2);
  auto beyond = pair.Ask();
  EXPECT_FALSE(pair.client.alive());
  EXPECT_FALSE(pair.client.CanOpen());
  ASSERT_EQ(pair.server_owner.ears.size(), 3u);
  for (const auto& served : pair.server_owner.ears) AnswerOk(*served->stream, "done");
  pair.Settle();
  for (const auto& call : {last_but_one, last, beyond}) EXPECT_EQ(call->body, "done");
}

// PITFALLS 42
TEST(GoAwayTest, AClientForbidsPushAndSendsNoPriorities) {
  ByHand client(Side::kClient);
  client.Greet();
  auto call = client.Open();
  call->stream->Finish({});
  client.Listen();
  EXPECT_EQ(SettingIn(client.Heard(kSettings).at(0), kEnablePush), 0);
  EXPECT_TRUE(client.Heard(kPriority).empty());
  ASSERT_EQ(client.Heard(kHeaders).size(), 1u);
  EXPECT_FALSE(client.Heard(kHeaders)[0].Has(kWithPriority));
}

// PITFALLS 42
TEST(GoAwayTest, APushedStreamEndsTheConnection) {
  ByHand client(Side::kClient);
  client.Greet();
  client.Open();
  client.Listen();
  client.Say(
      Frame{kPushPromise, kEndHeaders, 1, FourBytes(2) + HeaderEncoder::Literal(RequestFields())});
  EXPECT_EQ(client.GoAwayError(), 1) << "PROTOCOL_ERROR";
}

// PITFALLS 43
TEST(GoAwayTest, ADrainingServerWarnsFirstAndNamesItsLastStreamARoundTripLater) {
  ByHand server(Side::kServer);
  server.Greet();
  server.SayHeaders(1, RequestFields());
  server.session.BeginShutdown();
  server.Listen();
  ASSERT_EQ(server.Heard(kGoAway).size(), 1u);
  EXPECT_EQ(server.Heard(kGoAway)[0].Number(), static_cast<uint32_t>(kEveryStream));
  EXPECT_EQ(server.GoAwayError(), 0);
  ASSERT_EQ(server.Heard(kPing).size(), 1u);
  EXPECT_EQ(server.frames.back().type, kPing) << "behind the notice whose way it measures";

  server.Ask(3);  // was on its way
  server.Say(Ping(server.Heard(kPing)[0].payload, true));
  EXPECT_EQ(server.owner.ping_acks, 1);
  server.session.FinishShutdown();
  server.Listen();
  ASSERT_EQ(server.Heard(kGoAway).size(), 2u);
  EXPECT_EQ(server.Heard(kGoAway)[1].Number(), 3u);

  server.Ask(5);
  EXPECT_EQ(server.owner.ears.size(), 2u) << "came too late";
  AnswerOk(*server.ear(0).stream, "one");
  server.Say(Data(1, "", kEndStream));
  EXPECT_FALSE(server.session.Done());
  AnswerOk(*server.ear(1).stream, "two");
  server.Listen();
  EXPECT_EQ(server.BodyOf(1), "one");
  EXPECT_EQ(server.BodyOf(3), "two");
  EXPECT_TRUE(server.session.Done());
}

// PITFALLS 43: what the last GOAWAY calls unprocessed must not have been begun.
TEST(GoAwayTest, ACallThatComesWhileTheLastGoAwayWaitsToBeWrittenIsNotBegun) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Ask(1);
  server.session.FinishShutdown();
  HeaderEncoder encoder;
  const Frame late{kHeaders, kEndHeaders, 3, HeaderEncoder::Literal(RequestFields())};
  ASSERT_TRUE(server.session.Receive(late.Encoded()).ok());
  EXPECT_EQ(server.owner.ears.size(), 1u);
  server.Listen();
  EXPECT_EQ(server.Heard(kGoAway).back().Number(), 1u);
  AnswerOk(*server.ear().stream, "one");
  server.Listen();
  EXPECT_TRUE(server.session.Done());
}

// PITFALLS 43
TEST(GoAwayTest, TerminatingCutsRunningCallsOff) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Ask(1);
  server.session.Terminate(ErrorCode::kEnhanceYourCalm);
  server.Listen();
  EXPECT_EQ(server.GoAwayError(), 11);
  EXPECT_TRUE(server.session.Done());
}

TEST(GoAwayTest, AClientThatSaidGoAwayIsDrainedLikeAnyOther) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Ask(1);
  server.Say(GoAway(0, 0));
  server.Ask(3);
  EXPECT_EQ(server.owner.ears.size(), 2u) << "it may go on";
  EXPECT_TRUE(server.session.alive());
  server.session.BeginShutdown();
  server.session.FinishShutdown();
  server.Listen();
  EXPECT_EQ(server.Heard(kGoAway).back().Number(), 3u);
  server.Ask(5);
  EXPECT_EQ(server.owner.ears.size(), 2u) << "no more";
}

TEST(GoAwayTest, AServerGoesOnWithTheCallsOfAClientThatSaysGoAway) {
  Connected pair;
  auto call = pair.Ask();
  pair.client.Terminate(ErrorCode::kNoError);
  std::string bytes;
  pair.client.Produce(&bytes, static_cast<size_t>(-1));
  ASSERT_TRUE(pair.server.Receive(bytes).ok());
  EXPECT_FALSE(pair.server.Done());
  AnswerOk(*pair.served().stream, "done");
  bytes.clear();
  pair.server.Produce(&bytes, static_cast<size_t>(-1));
  EXPECT_TRUE(pair.server.Done());
}

}  // namespace
}  // namespace singleflight::http2::testing
