// What a peer may not do without end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/http2/ends.h"

namespace singleflight::http2::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr int64_t kProtocolErrorCode = 1;
constexpr int64_t kRefusedStreamCode = 7;
constexpr int64_t kEnhanceYourCalmCode = 11;
constexpr int64_t kCancelCode = 8;

// A server whose every call costs an upstream call.
class CostlyServer : public ::testing::Test {
 protected:
  void Begin(uint64_t allowance) {
    SessionOptions options;
    options.reset_allowance = allowance;
    server_.emplace(Side::kServer, options);
    server_->owner.prepare = [](Ear& ear) {
      ear.on_closed = [&ear] {
        if (ear.closed->why == Closed::Why::kReset) ear.stream->MarkWasted();
      };
    };
    server_->Greet();
  }

  void Cancel(int32_t stream, uint32_t error = 8) {
    server_->Ask(stream);
    server_->Say(RstStream(stream, error));
  }

  absl::optional<ByHand> server_;
};

// PITFALLS 35
TEST_F(CostlyServer, FiveThousandCancelledCallsDoNotEndTheConnection) {
  Begin(SessionOptions().reset_allowance);
  int32_t stream = 1;
  for (int i = 0; i < 5000; ++i, stream += 2) Cancel(stream);
  EXPECT_EQ(server_->GoAwayError(), -1);
  server_->Ask(stream);
  AnswerOk(*server_->owner.ears.back()->stream, "alive");
  server_->Listen();
  EXPECT_EQ(server_->BodyOf(stream), "alive");
}

// PITFALLS 35
TEST_F(CostlyServer, MoreCostlyResetsThanAllowedEndTheConnection) {
  Begin(10);
  int32_t stream = 1;
  for (int i = 0; i < 10; ++i, stream += 2) Cancel(stream);
  EXPECT_EQ(server_->GoAwayError(), -1);
  Cancel(stream);
  EXPECT_EQ(server_->GoAwayError(), kEnhanceYourCalmCode);
  EXPECT_THAT(server_->owner.bounds, ElementsAre(Bound::kResetAllowance));
  EXPECT_TRUE(server_->session.Done());
}

// PITFALLS 35
TEST_F(CostlyServer, EachCompletedCallAllowsTenMoreResets) {
  Begin(0);
  server_->Ask(1);
  AnswerOk(*server_->ear().stream, "done");
  server_->Listen();
  int32_t stream = 3;
  for (int i = 0; i < 10; ++i, stream += 2) Cancel(stream);
  EXPECT_THAT(server_->owner.bounds, IsEmpty());
  Cancel(stream);
  EXPECT_THAT(server_->owner.bounds, ElementsAre(Bound::kResetAllowance));
}

// PITFALLS 35
TEST_F(CostlyServer, ResetsWithNoErrorCountLikeAllOthers) {
  Begin(10);
  for (int32_t stream = 1; stream <= 21; stream += 2) Cancel(stream, 0);
  EXPECT_THAT(server_->owner.bounds, ElementsAre(Bound::kResetAllowance));
}

// PITFALLS 37
TEST(LimitsTest, AServerAdvertisesTheLimitThatItEnforces) {
  SessionOptions options;
  options.max_concurrent_streams = 2;
  ByHand server(Side::kServer, options);
  server.Greet();
  EXPECT_EQ(SettingIn(server.Heard(kSettings).at(0), kMaxConcurrentStreams), 2);
  server.SayHeaders(1, RequestFields());
  server.SayHeaders(3, RequestFields());
  server.SayHeaders(5, RequestFields());
  EXPECT_EQ(server.owner.ears.size(), 2u);
  EXPECT_EQ(server.GoAwayError(), kProtocolErrorCode);
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kProtocol));
}

// PITFALLS 37
TEST(LimitsTest, StreamsBeyondALimitThatTheClientHasNotSeenAreRefused) {
  SessionOptions options;
  options.max_concurrent_streams = 1;
  ByHand server(Side::kServer, options);
  server.Say(std::string(kPreface));
  server.Say(Settings({}));
  server.SayHeaders(1, RequestFields());
  server.SayHeaders(3, RequestFields());
  EXPECT_EQ(server.ResetOf(3), kRefusedStreamCode);
  EXPECT_EQ(server.GoAwayError(), -1);
}

// PITFALLS 37
TEST(LimitsTest, AClientNeverExceedsItsPeersLimit) {
  ByHand client(Side::kClient);
  EXPECT_FALSE(client.session.CanOpen()) << "no settings yet";
  client.Greet({{kMaxConcurrentStreams, 2}});
  client.Open();
  client.Open();
  EXPECT_FALSE(client.session.CanOpen());
  client.Say(Settings({{kMaxConcurrentStreams, 3}}));
  EXPECT_TRUE(client.session.CanOpen());
  EXPECT_EQ(client.owner.settings, 2);
}

// PITFALLS 41
TEST(LimitsTest, ACancelledCallHoldsItsPlaceUntilItsResetHasBeenWritten) {
  ByHand client(Side::kClient);
  client.Greet({{kMaxConcurrentStreams, 1}});
  auto call = client.Open();
  client.Listen();
  call->stream->Reset(ErrorCode::kCancel);
  EXPECT_FALSE(client.session.CanOpen());
  client.Listen();
  EXPECT_TRUE(client.session.CanOpen());
  EXPECT_EQ(client.owner.gone, 1);
}

// PITFALLS 38
TEST(LimitsTest, AnInvalidFieldResetsTheStreamAndIsNeverDropped) {
  const Fields bad[] = {{{"x-bad", std::string("a\0b", 3)}},
                        {{"x-bad", "a\nb"}},
                        {{"X-Upper", "a"}},
                        {{"x bad", "a"}},
                        {{"", "a"}},
                        {{"connection", "close"}},
                        {{"te", "gzip"}}};
  for (const Fields& fields : bad) {
    ByHand server(Side::kServer);
    server.Greet();
    server.SayBlock(1, HeaderEncoder::Literal(RequestFields("/s/M", fields)));
    EXPECT_EQ(server.ResetOf(1), kProtocolErrorCode) << fields[0].first;
    EXPECT_EQ(server.GoAwayError(), -1) << fields[0].first;
    EXPECT_EQ(server.ear().blocks, 0) << fields[0].first;
    EXPECT_TRUE(server.ear().EndedAs(Closed::Why::kMalformed)) << fields[0].first;
    server.Ask(3);
    EXPECT_EQ(server.ear(1).body, "ask") << "the connection goes on";
  }
}

// PITFALLS 38
TEST(LimitsTest, AnInvalidFieldInATrailerBlockOrAReplyResetsTheStreamToo) {
  ByHand client(Side::kClient);
  client.Greet();
  auto first = client.Open();
  auto second = client.Open();
  client.Listen();
  client.SayBlock(1, HeaderEncoder::Literal(ReplyFields({{"x-bad", "a\rb"}})));
  EXPECT_EQ(client.ResetOf(1), kProtocolErrorCode);
  EXPECT_EQ(first->blocks, 0);
  client.SayHeaders(3, ReplyFields());
  client.SayBlock(3, HeaderEncoder::Literal({{"grpc-status", "0"}, {"X-Bad", "a"}}), true);
  EXPECT_EQ(client.ResetOf(3), kProtocolErrorCode);
  EXPECT_FALSE(second->ended);
  EXPECT_TRUE(second->EndedAs(Closed::Why::kMalformed));
}

// PITFALLS 40
TEST(LimitsTest, PingsAtRoundTripRateAreAnsweredForEver) {
  ByHand server(Side::kServer);
  server.Greet();
  for (int i = 0; i < 20000; ++i) server.Say(Ping("roundtrp"));
  EXPECT_EQ(server.Heard(kPing).size(), 20000u);
  EXPECT_TRUE(server.status.ok());
}

// PITFALLS 40: the peer sends PINGs and reads nothing.
TEST(LimitsTest, APingFloodEndsTheConnectionBeforeItsAcknowledgementsPileUp) {
  ByHand server(Side::kServer);
  server.Greet();
  absl::Status status;
  int sent = 0;
  for (; status.ok() && sent < 100000; ++sent) {
    status = server.session.Receive(Ping("flooding").Encoded());
  }
  EXPECT_FALSE(status.ok());
  EXPECT_LE(server.session.queued_frames(), SessionOptions().max_queued_acks + 1);
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kQueuedFrames));
}

// PITFALLS 40
TEST(LimitsTest, ASettingsFloodEndsTheConnection) {
  ByHand server(Side::kServer);
  server.Greet();
  absl::Status status;
  for (int i = 0; status.ok() && i < 100000; ++i) {
    status = server.session.Receive(Settings({{kInitialWindowSize, 65535}}).Encoded());
  }
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kQueuedFrames));
}

// PITFALLS 27 (CVE-2024-27316)
TEST(LimitsTest, AHeaderBlockInFramesWithoutEndEndsTheConnection) {
  ByHand server(Side::kServer);
  server.Greet();
  const std::string field = HeaderEncoder::Literal({{"x-more", std::string(1000, 'a')}});
  server.Say(Frame{kHeaders, 0, 1, HeaderEncoder::Literal(RequestFields())});
  int sent = 0;
  for (; server.status.ok() && sent < 100; ++sent) {
    server.Say(Frame{kContinuation, 0, 1, field});
  }
  EXPECT_LE(sent, 34);
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kContinuations));
}

// PITFALLS 27
TEST(LimitsTest, EmptyContinuationsEndTheConnectionToo) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Say(Frame{kHeaders, 0, 1, HeaderEncoder::Literal(RequestFields())});
  int sent = 0;
  for (; server.status.ok() && sent < 100; ++sent) server.Say(Frame{kContinuation, 0, 1, ""});
  EXPECT_LE(sent, 34);
}

// A gRPC client that cancels a call before its HEADERS are written says this (grpc/grpc#19655).
TEST(LimitsTest, AResetOfACallThatNeverBeganHarmsNoOther) {
  ByHand server(Side::kServer);
  server.Greet();
  server.SayHeaders(1, RequestFields());
  server.Say(RstStream(3, 8));
  server.Say(Data(1, "ask", kEndStream));
  server.Ask(5);
  EXPECT_EQ(server.GoAwayError(), -1);
  EXPECT_EQ(server.ear(0).body, "ask");
  EXPECT_EQ(server.ear(1).body, "ask");
}

// RFC 9113 §6.10
TEST(LimitsTest, AResetWithinAHeaderBlockEndsTheConnection) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Say(Frame{kHeaders, 0, 1, HeaderEncoder::Literal(RequestFields())}.Encoded() +
             RstStream(3, 8).Encoded() + Frame{kContinuation, kEndHeaders, 1, ""}.Encoded());
  EXPECT_EQ(server.GoAwayError(), kProtocolErrorCode);
  EXPECT_EQ(server.ear().blocks, 0);
}

// PITFALLS 27
TEST(LimitsTest, ResetsOfCallsThatNeverBeganHaveAnEndToo) {
  SessionOptions options;
  options.reset_allowance = 10;
  ByHand server(Side::kServer, options);
  server.Greet();
  for (int i = 0; i < 10; ++i) server.Say(RstStream(1, 8));
  EXPECT_EQ(server.GoAwayError(), -1);
  server.Say(RstStream(1, 8));
  EXPECT_EQ(server.GoAwayError(), kEnhanceYourCalmCode);
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kResetAllowance));
}

// PITFALLS 27: a field of 4 KB that is said again by one byte each time (RFC 7541 §6.1).
TEST(LimitsTest, AHeaderBlockThatDecompressesWithoutEndEndsTheConnection) {
  ByHand server(Side::kServer);
  server.Greet();
  const std::string field = HeaderEncoder::Literal({{"x", std::string(4000, 'a')}});
  const std::string indexed = "\x40" + field.substr(1);
  server.SayBlock(1, HeaderEncoder::Literal(RequestFields()) + indexed + std::string(30, '\xbe'));
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kHeaderBytes))
      << "what is merely too large is told as before";
  EXPECT_EQ(server.GoAwayError(), -1);
  server.SayBlock(3, HeaderEncoder::Literal(RequestFields()) + std::string(10000, '\xbe'));
  EXPECT_EQ(server.GoAwayError(), kEnhanceYourCalmCode);
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kHeaderBytes, Bound::kEndlessHeaders));
  EXPECT_TRUE(server.session.Done());
}

constexpr uint64_t kMostEmptyFrames = FloodGuard::OfClient(0).empty_frames;

// PITFALLS 27 (CVE-2019-9518)
TEST(LimitsTest, EmptyDataFramesWithoutEndEndTheConnection) {
  ByHand server(Side::kServer);
  server.Greet();
  server.SayHeaders(1, RequestFields());
  for (uint64_t i = 0; i < kMostEmptyFrames; ++i) server.Say(Data(1, ""));
  server.Say(Data(1, "x"));
  for (uint64_t i = 0; i < kMostEmptyFrames; ++i) server.Say(Data(1, ""));
  EXPECT_EQ(server.GoAwayError(), -1) << "a byte in between, and they count anew";
  server.Say(Data(1, ""));
  EXPECT_EQ(server.GoAwayError(), kEnhanceYourCalmCode);
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kEmptyFrames));
}

TEST(LimitsTest, EmptyDataFramesThatEndTheirStreamsAreNoFlood) {
  ByHand server(Side::kServer);
  server.Greet();
  int32_t stream = 1;
  for (uint64_t i = 0; i < 2 * kMostEmptyFrames; ++i, stream += 2) {
    server.SayHeaders(stream, RequestFields());
    server.Say(Data(stream, "", kEndStream));
    AnswerOk(*server.owner.ears.back()->stream, "done");
    server.Listen();
  }
  EXPECT_EQ(server.GoAwayError(), -1);
}

// PITFALLS 27
TEST(LimitsTest, MoreFieldsThanAllowedAreRefusedByTheNameOfTheLimit) {
  SessionOptions options;
  options.max_header_count = 10;
  ByHand server(Side::kServer, options);
  server.Greet();
  Fields many = RequestFields();
  while (many.size() < 10) many.emplace_back("x", "");
  server.SayHeaders(1, many);
  EXPECT_EQ(server.ear().blocks, 1) << "as many as are allowed";
  many.emplace_back("x", "");
  server.SayHeaders(3, many);
  EXPECT_EQ(server.ear(1).blocks, 0);
  HeaderDecoder decoder;
  const Fields reply = decoder.Decode(server.Heard(kHeaders, 3).at(0).payload);
  EXPECT_THAT(reply, Contains(Pair("grpc-status", "8")));
  EXPECT_THAT(reply, Contains(Pair("grpc-message", HasSubstr("max_header_count"))));
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kHeaderCount));
}

TEST(LimitsTest, AConnectionErrorIsCountedOnce) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Say(Data(7, "of no stream"));
  server.Say(Data(7, "of no stream"));
  EXPECT_EQ(server.GoAwayError(), kProtocolErrorCode);
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kProtocol));
}

TEST(LimitsTest, WhoDoesNotSpeakHttp2IsCountedByItself) {
  ByHand server(Side::kServer);
  EXPECT_FALSE(server.session.Receive("GET / HTTP/1.1\r\n\r\n012345678").ok());
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kNotHttp2));
}

// PITFALLS 27: fields in one frame that a small table entry expands.
TEST(LimitsTest, AHeaderListThatExpandsFromAFewBytesIsNotKept) {
  ByHand server(Side::kServer);
  server.Greet();
  HeaderEncoder encoder;
  const std::pair<std::string, std::string> large = {"x-large", std::string(3000, 'a')};
  server.SayBlock(1, encoder.Encode(RequestFields("/s/M", {large})));
  Fields bomb = RequestFields();
  for (int i = 0; i < 4000; ++i) bomb.push_back(large);
  server.SayBlock(3, encoder.Encode(bomb));
  EXPECT_EQ(server.ear(1).blocks, 0);
}

// RFC 9113 §10.5.1, docs/semantics.md §6
TEST(LimitsTest, AHeaderListThatIsTooLargeIsAnsweredLikeGrpcDoes) {
  ByHand server(Side::kServer);
  server.Greet();
  EXPECT_EQ(SettingIn(server.Heard(kSettings).at(0), kMaxHeaderListSize), 65536);
  Fields many = RequestFields();
  for (int i = 0; i < 70; ++i) many.emplace_back(absl::StrCat("x-", i), std::string(1000, 'a'));
  server.SayHeaders(1, many);
  ASSERT_EQ(server.Heard(kHeaders, 1).size(), 1u);
  const Frame reply = server.Heard(kHeaders, 1)[0];
  EXPECT_TRUE(reply.Has(kEndStream));
  EXPECT_THAT(HeaderDecoder().Decode(reply.payload), Contains(Pair("grpc-status", "8")));
  EXPECT_EQ(server.ear().blocks, 0);
  EXPECT_EQ(server.GoAwayError(), -1);
  EXPECT_FALSE(server.session.served()) << "nor does it count as one";
  server.Ask(3);
  EXPECT_EQ(server.ear(1).body, "ask") << "the connection goes on";
}

// docs/semantics.md §6
TEST(LimitsTest, ALowLimitForRequestsIsNoneForReplies) {
  SessionOptions low;
  low.max_header_list_bytes = 1 << 10;
  testing::Pair pair({}, low);
  auto caller = pair.Ask();
  pair.served().stream->SendHeaders(Block({{":status", "200"}}), false);
  pair.served().stream->Finish(
      Trailing({{"grpc-status", "3"}, {"grpc-status-details-bin", std::string(20 << 10, 'x')}}));
  pair.Settle();
  EXPECT_TRUE(caller->ended);
  EXPECT_THAT(caller->trailing, Contains(Pair("grpc-status", "3")));
}

// A server that takes 1,000 bytes, and the beginning of a request that is more.
struct Refusing {
  Refusing() : server(Side::kServer, Options()) { server.Greet(); }
  static SessionOptions Options() {
    SessionOptions options;
    options.max_header_list_bytes = 1000;
    return options;
  }
  ByHand server;
  const std::string request =
      Frame{kHeaders, kEndHeaders, 1,
            HeaderEncoder::Literal(RequestFields("/s/M", {{"x-large", std::string(1000, 'a')}}))}
          .Encoded();
};

TEST(LimitsTest, ATrailerBlockAfterARefusedHeaderListIsNotAnsweredTwice) {
  Refusing refusing;
  ByHand& server = refusing.server;
  // In one go, so that the reset that follows the answer has not been written yet.
  server.Say(
      refusing.request + Data(1, "message").Encoded() +
      Frame{kHeaders, kEndHeaders | kEndStream, 1, HeaderEncoder::Literal({{"x-trailer", "1"}})}
          .Encoded());
  EXPECT_EQ(server.Heard(kHeaders, 1).size(), 1u);
  EXPECT_TRUE(server.ear().EndedAs(Closed::Why::kOrderly));
  EXPECT_EQ(server.ear().body, "");
  EXPECT_FALSE(server.ear().ended) << "its handler hears nothing of what was refused";
  EXPECT_EQ(server.session.streams(), 0u);
}

TEST(LimitsTest, ABodyThatEndsARefusedRequestIsNotHeard) {
  Refusing refusing;
  ByHand& server = refusing.server;
  server.Say(refusing.request + Data(1, "message", kEndStream).Encoded());
  EXPECT_EQ(server.ear().body, "");
  EXPECT_FALSE(server.ear().ended);
  EXPECT_TRUE(server.ear().EndedAs(Closed::Why::kOrderly));
}

// docs/semantics.md §6: the call is told, and by name.
TEST(LimitsTest, ATrailerBlockThatIsTooLargeIsForTheHandlerToAnswer) {
  SessionOptions options;
  options.max_header_list_bytes = 1000;
  options.max_header_count = 20;
  ByHand server(Side::kServer, options);
  server.Greet();
  server.SayHeaders(1, RequestFields());
  server.SayHeaders(1, {{"x-large", std::string(1000, 'a')}}, true);
  EXPECT_THAT(server.ear().refused, HasSubstr("trailer block is larger than 1000 bytes"));
  EXPECT_FALSE(server.ear().ended);
  server.SayHeaders(3, RequestFields());
  server.SayHeaders(3, Fields(21, {"x", ""}), true);
  EXPECT_THAT(server.ear(1).refused, HasSubstr("limits.max_header_count"));
  EXPECT_THAT(server.Heard(kRstStream), IsEmpty());
  AnswerOk(*server.ear().stream, "heard");
  server.Listen();
  EXPECT_EQ(server.BodyOf(1), "heard");
}

TEST(LimitsTest, AReplyWhoseHeaderListIsTooLargeIsRefused) {
  SessionOptions options;
  options.max_header_list_bytes = 1000;
  ByHand client(Side::kClient, options);
  client.Greet();
  auto call = client.Open();
  client.Listen();
  client.SayHeaders(1, ReplyFields({{"x-large", std::string(1000, 'a')}}));
  EXPECT_EQ(client.ResetOf(1), kCancelCode);
  EXPECT_EQ(call->blocks, 0);
  EXPECT_TRUE(call->EndedAs(Closed::Why::kHeadersTooLarge));
}

// What may come in may also go out: nghttp2 by itself refuses to send blocks near 64 KiB.
TEST(LimitsTest, ABlockLargerThanThePeersAreAllowedToSendStillLeaves) {
  const std::pair<std::string, std::string> large = {"x-large", std::string(66000, 'a')};
  ByHand client(Side::kClient);
  client.Greet();
  auto call = client.Open(RequestFields("/s/M", {large}));
  client.Listen();
  EXPECT_FALSE(client.Heard(kHeaders, 1).empty());
  ByHand server(Side::kServer);
  server.Greet();
  server.Ask(1);
  server.ear().stream->SendHeaders(Block(ReplyFields({large})), false);
  server.ear().stream->Finish(Trailing({large}));
  server.Listen();
  EXPECT_EQ(server.Heard(kHeaders, 1).size(), 2u);
}

TEST(LimitsTest, ABlockThatCannotBeSentEndsItsCall) {
  const std::pair<std::string, std::string> huge = {"x-huge", std::string(3 << 20, 'a')};
  ByHand server(Side::kServer);
  server.Greet();
  server.Ask(1);
  server.ear().stream->SendHeaders(Block(ReplyFields({huge})), false);
  server.Ask(3);
  server.ear(1).stream->SendHeaders(Block(ReplyFields()), false);
  server.ear(1).stream->Finish(Trailing({huge}));
  server.Listen();
  EXPECT_EQ(server.ResetOf(1), 2) << "INTERNAL_ERROR";
  EXPECT_EQ(server.ResetOf(3), 2) << "INTERNAL_ERROR";
  EXPECT_EQ(server.session.streams(), 0u);
}

}  // namespace
}  // namespace singleflight::http2::testing
