// RFC 9113 as a client has to keep it towards an upstream, by section. CASES.md lists these and
// those that stand elsewhere.

#include <gtest/gtest.h>

#include "tests/http2/ends.h"
#include "tests/http2/errors.h"

namespace singleflight::http2::testing {
namespace {

// A client with a call on stream 1, whose request has ended, and one on stream 3.
class Rfc9113ClientTest : public ::testing::Test {
 protected:
  Rfc9113ClientTest() : client_(Side::kClient) {
    client_.Greet();
    first_ = client_.Open();
    first_->stream->Finish({});
    second_ = client_.Open();
    client_.Listen();
  }

  // Ends the connection; no caller takes its call for one that was not begun.
  void ExpectConnectionError(const std::string& bytes, Error error) {
    client_.Say(bytes);
    EXPECT_EQ(client_.GoAwayError(), error);
    EXPECT_TRUE(client_.session.Done());
    EXPECT_FALSE(client_.session.CanOpen());
    EXPECT_FALSE(first_->EndedAs(Closed::Why::kNotProcessed));
  }

  // Ends the first call, and the second goes on.
  void ExpectStreamError(const std::string& bytes, Error error) {
    client_.Say(bytes);
    EXPECT_EQ(client_.ResetOf(1), error);
    EXPECT_TRUE(first_->EndedAs(Closed::Why::kMalformed));
    client_.SayHeaders(3, ReplyFields({{"grpc-status", "0"}}), true);
    EXPECT_TRUE(second_->ended);
    EXPECT_EQ(client_.GoAwayError(), kNoError);
  }

  ByHand client_;
  std::shared_ptr<Ear> first_, second_;
};

// §3.4
TEST(Rfc9113ClientPrefaceTest, AClientBeginsWithThePrefaceAndItsSettings) {
  ByHand client(Side::kClient);
  std::string out;
  client.session.Produce(&out, static_cast<size_t>(-1));
  ASSERT_EQ(out.substr(0, kPreface.size()), kPreface);
  EXPECT_EQ(out[kPreface.size() + 3], kSettings);
}

// §3.4
TEST(Rfc9113ClientPrefaceTest, AServerThatDoesNotBeginWithSettingsIsNoUpstream) {
  ByHand client(Side::kClient);
  client.Say(Ping("too-soon"));
  EXPECT_EQ(client.GoAwayError(), kProtocolError);
  EXPECT_TRUE(client.session.Done());
}

// §4.2
TEST_F(Rfc9113ClientTest, FramesAreAsLargeAsTheServerTakesAndNoLarger) {
  client_.Say(Settings({{kMaxFrameSize, 20000}}));
  second_->stream->Send(base::Slice(std::string(60000, 'u')));
  client_.Listen();
  for (const Frame& frame : client_.Heard(kData)) EXPECT_LE(frame.payload.size(), 20000u);
  EXPECT_EQ(client_.BodyOf(3).size(), 60000u);
}

// §5.1, idle
TEST_F(Rfc9113ClientTest, FramesOfAStreamThatNobodyOpenedEndTheConnection) {
  ExpectConnectionError(EncodedHeaders(5, ReplyFields()), kProtocolError);
}

// §5.1, idle
TEST_F(Rfc9113ClientTest, AServerOpensNoStreams) {
  ExpectConnectionError(EncodedHeaders(2, ReplyFields()), kProtocolError);
}

// §5.1, half-closed (remote)
TEST_F(Rfc9113ClientTest, DataAfterTheEndOfTheReplyReachesNobody) {
  client_.SayHeaders(3, ReplyFields({{"grpc-status", "0"}}), true);
  client_.Say(Data(3, "more"));
  EXPECT_EQ(second_->body, "");
  EXPECT_TRUE(client_.GoAwayError() == kStreamClosed || client_.ResetOf(3) == kStreamClosed);
}

// §5.1, closed
TEST_F(Rfc9113ClientTest, AReplyToACallThatWasCancelledIsIgnored) {
  first_->stream->Reset(ErrorCode::kCancel);
  client_.Listen();
  client_.SayHeaders(1, ReplyFields({{"x-first-seen", "in a reply to nobody"}}));
  client_.Say(Data(1, "late", kEndStream));
  EXPECT_EQ(first_->blocks, 0);
  client_.SayHeaders(3, ReplyFields({{"x-first-seen", "in a reply to nobody"}}), true);
  EXPECT_EQ(second_->block.Find("x-first-seen"), "in a reply to nobody");
}

// §5.1.1
TEST_F(Rfc9113ClientTest, StreamIdsAreOddAndGrow) {
  int32_t last = -1;
  for (const Frame& frame : client_.Heard(kHeaders)) {
    EXPECT_EQ(frame.stream, last + 2);
    last = frame.stream;
  }
  EXPECT_EQ(last, 3);
}

// §5.1.2
TEST_F(Rfc9113ClientTest, ALimitBelowTheCallsThatRunForbidsOnlyNewOnes) {
  client_.Say(Settings({{kMaxConcurrentStreams, 1}}));
  EXPECT_FALSE(client_.session.CanOpen());
  EXPECT_FALSE(first_->closed.has_value());
  client_.SayHeaders(1, ReplyFields({{"grpc-status", "0"}}), true);
  EXPECT_FALSE(client_.session.CanOpen());
  second_->stream->Finish({});
  client_.SayHeaders(3, ReplyFields({{"grpc-status", "0"}}), true);
  EXPECT_TRUE(client_.session.CanOpen());
}

// §6.5.2
TEST_F(Rfc9113ClientTest, AServerMayNotAskForPush) {
  ExpectConnectionError(Settings({{kEnablePush, 1}}).Encoded(), kProtocolError);
}

// §6.5.2
TEST_F(Rfc9113ClientTest, AnInitialWindowBeyondTheLargestEndsTheConnection) {
  ExpectConnectionError(Settings({{kInitialWindowSize, 0x80000000u}}).Encoded(), kFlowControlError);
}

// §6.6
TEST_F(Rfc9113ClientTest, APromiseWithinNoStreamEndsTheConnection) {
  ExpectConnectionError(
      Frame{kPushPromise, kEndHeaders, 0, FourBytes(2) + HeaderEncoder::Literal(RequestFields())}
          .Encoded(),
      kProtocolError);
}

// §6.8, PITFALLS 26
TEST_F(Rfc9113ClientTest, ALastStreamThatGrowsEndsTheConnection) {
  client_.Say(GoAway(1));
  ASSERT_TRUE(second_->EndedAs(Closed::Why::kNotProcessed));
  ExpectConnectionError(GoAway(3).Encoded(), kProtocolError);
}

// §6.8, PITFALLS 26
TEST_F(Rfc9113ClientTest, AGoAwayThatNamesNoStreamLetsEveryCallBeSentAgain) {
  client_.Say(GoAway(0, kProtocolError));
  EXPECT_TRUE(first_->EndedAs(Closed::Why::kNotProcessed));
  EXPECT_TRUE(second_->EndedAs(Closed::Why::kNotProcessed));
  EXPECT_TRUE(client_.session.Done());
}

// §6.9
TEST_F(Rfc9113ClientTest, AnIncrementOfZeroIsAnError) {
  client_.Say(WindowUpdate(3, 0));
  EXPECT_TRUE(client_.GoAwayError() == kProtocolError || client_.ResetOf(3) == kProtocolError);
}

// §6.9.1
TEST_F(Rfc9113ClientTest, AWindowBeyondTheLargestEndsItsCall) {
  client_.Say(WindowUpdate(1, 0x7fffffff));
  EXPECT_EQ(client_.ResetOf(1), kFlowControlError);
  EXPECT_TRUE(first_->EndedAs(Closed::Why::kMalformed));
}

// §8.1.1
TEST_F(Rfc9113ClientTest, DataBeforeTheReplysHeadersIsMalformed) {
  ExpectStreamError(Data(1, "soon").Encoded(), kProtocolError);
  for (int i = 0; i < 100; ++i) client_.Say(Data(1, std::string(16384, 'x')));
  EXPECT_EQ(first_->body, "");
  EXPECT_GT(client_.Refunded(0), 1 << 20) << "others have the connection's window";
}

// §8.1.1
TEST_F(Rfc9113ClientTest, DataInTheTurnsOfOthersIsNotTakenForEarly) {
  std::string bytes = EncodedHeaders(1, ReplyFields()) + EncodedHeaders(3, ReplyFields());
  for (const int32_t stream : {1, 3, 3, 1, 1, 3}) bytes += Data(stream, "x").Encoded();
  for (const char byte : bytes) client_.Say(std::string(1, byte));
  EXPECT_EQ(first_->body, "xxx");
  EXPECT_EQ(second_->body, "xxx");
  client_.Say(Data(1, "y").Encoded() + Data(3, "y").Encoded());
  EXPECT_EQ(first_->body, "xxxy");
  EXPECT_EQ(second_->body, "xxxy");
}

// §8.1
TEST_F(Rfc9113ClientTest, AnInformationalReplyThatEndsTheStreamIsMalformed) {
  ExpectStreamError(EncodedHeaders(1, {{":status", "103"}}, kEndHeaders | kEndStream),
                    kProtocolError);
  EXPECT_FALSE(first_->ended);
}

// §8.1
TEST_F(Rfc9113ClientTest, ATrailerBlockThatDoesNotEndTheStreamIsMalformed) {
  ExpectStreamError(EncodedHeaders(1, ReplyFields()) + EncodedHeaders(1, {{"grpc-status", "0"}}),
                    kProtocolError);
  EXPECT_FALSE(first_->ended);
}

// §8.1.1
TEST_F(Rfc9113ClientTest, AReplyShorterThanItsContentLengthIsMalformed) {
  ExpectStreamError(EncodedHeaders(1, ReplyFields({{"content-length", "4"}})) +
                        Data(1, "123", kEndStream).Encoded(),
                    kProtocolError);
  EXPECT_FALSE(first_->ended);
}

// §8.1.1
TEST_F(Rfc9113ClientTest, AReplyLongerThanItsContentLengthIsMalformed) {
  ExpectStreamError(
      EncodedHeaders(1, ReplyFields({{"content-length", "2"}})) + Data(1, "123").Encoded(),
      kProtocolError);
}

// §8.2.2
TEST_F(Rfc9113ClientTest, AReplyWithFieldsOfAConnectionIsMalformed) {
  ExpectStreamError(EncodedHeaders(1, ReplyFields({{"transfer-encoding", "chunked"}})),
                    kProtocolError);
  EXPECT_EQ(first_->blocks, 0);
}

// §8.3
TEST_F(Rfc9113ClientTest, PseudoHeadersInATrailerBlockAreMalformed) {
  ExpectStreamError(EncodedHeaders(1, ReplyFields()) +
                        EncodedHeaders(1, {{":status", "200"}}, kEndHeaders | kEndStream),
                    kProtocolError);
  EXPECT_FALSE(first_->ended);
}

// §8.3.2
TEST_F(Rfc9113ClientTest, ARepliesStatusIsThereOnce) {
  ExpectStreamError(EncodedHeaders(1, {{":status", "200"}, {":status", "200"}}), kProtocolError);
}

// §8.3.2
TEST_F(Rfc9113ClientTest, AStatusIsANumberOfThreeDigits) {
  ExpectStreamError(EncodedHeaders(1, {{":status", "20x"}}), kProtocolError);
}

// §8.3.2
TEST_F(Rfc9113ClientTest, ARequestsPseudoHeaderInAReplyIsMalformed) {
  ExpectStreamError(EncodedHeaders(1, {{":status", "200"}, {":path", "/"}}), kProtocolError);
}

}  // namespace
}  // namespace singleflight::http2::testing
