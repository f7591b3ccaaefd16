// RFC 9113 as a server has to keep it, by section. CASES.md lists these and those that stand
// elsewhere.

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/http2/ends.h"
#include "tests/http2/errors.h"

namespace singleflight::http2::testing {
namespace {

// A server with the request of stream 1 half received.
class Rfc9113ServerTest : public ::testing::Test {
 protected:
  Rfc9113ServerTest() : server_(Side::kServer) {
    server_.Greet();
    server_.SayHeaders(1, RequestFields());
  }

  // What only a broken peer sends.
  void ExpectConnectionError(const std::string& bytes, Error error) {
    server_.Say(bytes);
    EXPECT_EQ(server_.GoAwayError(), error);
    EXPECT_TRUE(server_.session.Done());
  }

  // What is wrong with one request; the next is served.
  void ExpectStreamError(const std::string& bytes, int32_t stream, Error error) {
    server_.Say(bytes);
    EXPECT_EQ(server_.ResetOf(stream), error);
    ExpectServed(stream + 2);
  }

  void ExpectServed(int32_t stream) {
    server_.Ask(stream);
    EXPECT_EQ(server_.GoAwayError(), kNoError);
    EXPECT_EQ(server_.owner.ears.back()->body, "ask");
    AnswerOk(*server_.owner.ears.back()->stream, "served");
    server_.Listen();
    EXPECT_EQ(server_.BodyOf(stream), "served");
  }

  ByHand server_;
};

// §3.4
TEST(Rfc9113PrefaceTest, AServerBeginsWithItsSettings) {
  ByHand server(Side::kServer);
  server.Listen();
  ASSERT_FALSE(server.frames.empty());
  EXPECT_EQ(server.frames[0].type, kSettings);
  EXPECT_FALSE(server.frames[0].Has(kAck));
}

// §3.4
TEST(Rfc9113PrefaceTest, AClientThatDoesNotBeginWithSettingsIsRefused) {
  ByHand server(Side::kServer);
  server.Say(std::string(kPreface) + Ping("too-soon").Encoded());
  EXPECT_EQ(server.GoAwayError(), kProtocolError);
  EXPECT_TRUE(server.session.Done());
}

// §3.4
TEST(Rfc9113PrefaceTest, APrefaceThatGoesWrongAtItsLastByteIsRefused) {
  ByHand server(Side::kServer);
  server.Say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r");
  EXPECT_TRUE(server.status.ok());
  server.Say("\r");
  EXPECT_TRUE(absl::IsInvalidArgument(server.status));
}

// §4.1
TEST_F(Rfc9113ServerTest, FlagsAndBitsThatHaveNoMeaningAreIgnored) {
  Frame ping = Ping("answered");
  ping.flags = 0xfe;
  std::string bytes = ping.Encoded();
  bytes[5] = static_cast<char>(bytes[5] | 0x80);  // the reserved bit before the stream's id
  server_.Say(bytes);
  ASSERT_EQ(server_.Heard(kPing).size(), 1u);
  EXPECT_EQ(server_.Heard(kPing)[0].payload, "answered");
}

// §4.2
TEST_F(Rfc9113ServerTest, AFrameOfTheLargestSizeAllowedIsTaken) {
  server_.Say(Data(1, std::string(16384, 'x'), kEndStream));
  EXPECT_EQ(server_.ear().body.size(), 16384u);
}

// §4.2
TEST_F(Rfc9113ServerTest, AHeaderBlockInAFrameThatIsTooLargeEndsTheConnection) {
  ExpectConnectionError(Frame{kHeaders, kEndHeaders, 3, std::string(16385, '\0')}.Encoded(),
                        kFrameSizeError);
}

// §4.2
TEST_F(Rfc9113ServerTest, WhatIsSentFitsIntoFramesThatTheClientTakes) {
  AnswerOk(*server_.ear().stream, std::string(60000, 'r'));
  server_.Listen();
  for (const Frame& frame : server_.Heard(kData)) EXPECT_LE(frame.payload.size(), 16384u);
  EXPECT_EQ(server_.BodyOf(1).size(), 60000u);
}

// §4.3
TEST_F(Rfc9113ServerTest, DataOfAnotherStreamWithinAHeaderBlockEndsTheConnection) {
  ExpectConnectionError(EncodedHeaders(3, RequestFields(), 0) + Data(1, "x").Encoded(),
                        kProtocolError);
}

// §4.3
TEST_F(Rfc9113ServerTest, AFrameOfUnknownTypeWithinAHeaderBlockEndsTheConnection) {
  ExpectConnectionError(EncodedHeaders(3, RequestFields(), 0) + Frame{0xfa, 0, 0, "x"}.Encoded(),
                        kProtocolError);
}

// §4.3
TEST_F(Rfc9113ServerTest, TheContinuationOfAnotherStreamsBlockEndsTheConnection) {
  ExpectConnectionError(
      EncodedHeaders(3, RequestFields(), 0) + Frame{kContinuation, kEndHeaders, 1, ""}.Encoded(),
      kProtocolError);
}

// §5.1, idle
TEST_F(Rfc9113ServerTest, APriorityMayComeBeforeItsStream) {
  server_.Say(Frame{kPriority, 0, 3, FourBytes(1) + "\x10"});
  ExpectServed(3);
}

// §5.1, half-closed (remote)
TEST_F(Rfc9113ServerTest, HeadersAfterTheEndOfTheRequestAreRefused) {
  server_.Say(Data(1, "", kEndStream));
  server_.Say(EncodedHeaders(1, {{"x-late", "1"}}, kEndHeaders | kEndStream));
  EXPECT_TRUE(server_.ear().trailing.empty());
  EXPECT_TRUE(server_.GoAwayError() == kStreamClosed || server_.ResetOf(1) == kStreamClosed);
}

// §5.1, half-closed (remote)
TEST_F(Rfc9113ServerTest, WindowsOpenAfterTheEndOfTheRequest) {
  server_.Say(Settings({{kInitialWindowSize, 0}}));
  server_.Say(Data(1, "", kEndStream));
  AnswerOk(*server_.ear().stream, "late");
  server_.Listen();
  EXPECT_EQ(server_.BodyOf(1), "");
  server_.Say(WindowUpdate(1, 10));
  EXPECT_EQ(server_.BodyOf(1), "late");
}

// §5.1, closed
TEST_F(Rfc9113ServerTest, WindowsAndResetsOfAStreamThatHasEndedAreIgnored) {
  server_.Say(Data(1, "", kEndStream));
  AnswerOk(*server_.ear().stream, "done");
  server_.Listen();
  ASSERT_TRUE(server_.ear().EndedAs(Closed::Why::kOrderly));
  server_.Say(WindowUpdate(1, 10));
  server_.Say(RstStream(1, kCancel));
  ExpectServed(3);
}

// §5.1, closed
TEST_F(Rfc9113ServerTest, DataAfterAResetReachesNobody) {
  server_.Say(RstStream(1, kCancel));
  server_.Say(Data(1, "late"));
  EXPECT_EQ(server_.ear().body, "");
  EXPECT_TRUE(server_.ear().EndedAs(Closed::Why::kReset));
}

// §5.1.1
TEST_F(Rfc9113ServerTest, StreamIdsMayBeSkippedButNotUsedAfterwards) {
  ExpectServed(7);
  server_.Ask(5);
  server_.Ask(7);
  EXPECT_EQ(server_.owner.ears.size(), 2u);
}

// §5.1.2
TEST(Rfc9113ConcurrencyTest, ARefusedStreamLeavesTheOthersAndTheirCompressionAlone) {
  SessionOptions options;
  options.max_concurrent_streams = 1;
  ByHand server(Side::kServer, options);
  server.Say(std::string(kPreface));
  server.Say(Settings({}));  // the limit has not been acknowledged
  server.SayHeaders(1, RequestFields());
  server.SayHeaders(3, RequestFields("/s/M", {{"x-first-seen", "in a stream that was refused"}}));
  EXPECT_EQ(server.ResetOf(3), kRefusedStream);
  server.Say(RstStream(1, kCancel));
  server.SayHeaders(5, RequestFields("/s/M", {{"x-first-seen", "in a stream that was refused"}}));
  EXPECT_EQ(server.ear(1).block.Find("x-first-seen"), "in a stream that was refused");
}

// §6.2
TEST_F(Rfc9113ServerTest, HeadersWithMorePaddingThanFrameEndTheConnection) {
  ExpectConnectionError(Frame{kHeaders, kEndHeaders | kPadded, 3, "\x09x"}.Encoded(),
                        kProtocolError);
}

// §6.2
TEST_F(Rfc9113ServerTest, PaddingAndPriorityAreNoPartOfTheBlock) {
  const std::string block = HeaderEncoder::Literal(RequestFields());
  server_.Say(Frame{kHeaders, kEndHeaders | kEndStream | kPadded | kWithPriority, 3,
                    "\x04" + FourBytes(1) + "\x10" + block + std::string(4, '\0')});
  EXPECT_EQ(server_.ear(1).headers, RequestFields());
  EXPECT_TRUE(server_.ear(1).ended);
}

// §6.3
TEST_F(Rfc9113ServerTest, APriorityOnStreamZeroEndsTheConnection) {
  ExpectConnectionError(Frame{kPriority, 0, 0, FourBytes(1) + "\x10"}.Encoded(), kProtocolError);
}

// §6.3
TEST_F(Rfc9113ServerTest, APriorityOfFourBytesIsAnErrorOfItsSize) {
  server_.Say(Frame{kPriority, 0, 1, FourBytes(3)});
  EXPECT_TRUE(server_.GoAwayError() == kFrameSizeError || server_.ResetOf(1) == kFrameSizeError);
}

// §6.4
TEST_F(Rfc9113ServerTest, AResetOfStreamZeroEndsTheConnection) {
  ExpectConnectionError(RstStream(0, kCancel).Encoded(), kProtocolError);
}

// §6.5.2
TEST_F(Rfc9113ServerTest, UnknownSettingsAreIgnoredAndAcknowledged) {
  const size_t before = server_.Heard(kSettings).size();
  server_.Say(Settings({{0xbaba, 7}}));
  ASSERT_EQ(server_.Heard(kSettings).size(), before + 1);
  EXPECT_TRUE(server_.Heard(kSettings).back().Has(kAck));
  ExpectServed(3);
}

// §6.5.2
TEST_F(Rfc9113ServerTest, AMaximalFrameSizeBeyondTheLargestEndsTheConnection) {
  ExpectConnectionError(Settings({{kMaxFrameSize, 1 << 24}}).Encoded(), kProtocolError);
}

// §6.5.3
TEST_F(Rfc9113ServerTest, OfTwoValuesOfOneSettingTheLastCounts) {
  server_.Say(Settings({{kInitialWindowSize, 0}, {kInitialWindowSize, 3}}));
  AnswerOk(*server_.ear().stream, "kettle");
  server_.Listen();
  EXPECT_EQ(server_.BodyOf(1), "ket");
}

// §6.7
TEST_F(Rfc9113ServerTest, AnAcknowledgementThatNobodyAskedForIsNotAnswered) {
  server_.Say(Ping("uncalled", true));
  EXPECT_TRUE(server_.Heard(kPing).empty());
  ExpectServed(3);
}

// §6.8
TEST_F(Rfc9113ServerTest, AGoAwayOnAStreamEndsTheConnection) {
  Frame frame = GoAway(0);
  frame.stream = 1;
  ExpectConnectionError(frame.Encoded(), kProtocolError);
}

// §6.8
TEST_F(Rfc9113ServerTest, AConnectionErrorNamesTheLastStreamThatWasSeen) {
  server_.Ask(7);
  ExpectConnectionError(Data(0, "x").Encoded(), kProtocolError);
  EXPECT_EQ(server_.Heard(kGoAway)[0].Number(), 7u);
}

// §6.9
TEST_F(Rfc9113ServerTest, AWindowUpdateOfThreeBytesEndsTheConnection) {
  ExpectConnectionError(Frame{kWindowUpdate, 0, 1, "123"}.Encoded(), kFrameSizeError);
}

// §6.9.1: the reserved bit of an increment does not count.
TEST_F(Rfc9113ServerTest, AnIncrementOfNothingButTheReservedBitIsZero) {
  ExpectConnectionError(WindowUpdate(0, 0x80000000u).Encoded(), kProtocolError);
}

// §6.9.2
TEST_F(Rfc9113ServerTest, AWindowMayBecomeNegativeAndHoldsDataUntilItIsPositive) {
  server_.Say(Settings({{kInitialWindowSize, 6}}));
  AnswerOk(*server_.ear().stream, "blue kettle");
  server_.Listen();
  EXPECT_EQ(server_.BodyOf(1), "blue k");
  server_.Say(Settings({{kInitialWindowSize, 2}}));  // now -4
  server_.Say(WindowUpdate(1, 4));
  EXPECT_EQ(server_.BodyOf(1), "blue k");
  server_.Say(WindowUpdate(1, 1));
  EXPECT_EQ(server_.BodyOf(1), "blue ke");
}

// §6.9.2: asks for a connection error; nghttp2 is content to end the stream.
TEST_F(Rfc9113ServerTest, SettingsThatOverflowAStreamsWindowEndTheStream) {
  server_.Say(WindowUpdate(1, 0x7fffffff - 65535));
  ASSERT_EQ(server_.ResetOf(1), kNoError);
  server_.Say(Settings({{kInitialWindowSize, 65536}}));
  EXPECT_EQ(server_.ResetOf(1), kFlowControlError);
  EXPECT_TRUE(server_.ear().EndedAs(Closed::Why::kReset));
}

// §6.10
TEST_F(Rfc9113ServerTest, AContinuationOfABlockThatHasEndedEndsTheConnection) {
  ExpectConnectionError(
      EncodedHeaders(3, RequestFields()) + Frame{kContinuation, kEndHeaders, 3, ""}.Encoded(),
      kProtocolError);
}

// §8.1.1
TEST_F(Rfc9113ServerTest, ABodyShorterThanItsContentLengthIsMalformed) {
  ExpectStreamError(EncodedHeaders(3, RequestFields("/s/M", {{"content-length", "4"}})) +
                        Data(3, "123", kEndStream).Encoded(),
                    3, kProtocolError);
  EXPECT_FALSE(server_.ear(1).ended);
}

// §8.1.1
TEST_F(Rfc9113ServerTest, AContentLengthWithoutABodyIsMalformed) {
  ExpectStreamError(
      EncodedHeaders(3, RequestFields("/s/M", {{"content-length", "4"}}), kEndHeaders | kEndStream),
      3, kProtocolError);
}

// §8.1.1
TEST_F(Rfc9113ServerTest, TwoContentLengthsAreMalformed) {
  ExpectStreamError(
      EncodedHeaders(3, RequestFields("/s/M", {{"content-length", "4"}, {"content-length", "5"}})),
      3, kProtocolError);
}

// §8.2.2
TEST_F(Rfc9113ServerTest, FieldsThatBelongToAConnectionAreMalformed) {
  int32_t stream = 3;
  for (const char* name :
       {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"}) {
    SCOPED_TRACE(name);
    ExpectStreamError(EncodedHeaders(stream, RequestFields("/s/M", {{name, "close"}})), stream,
                      kProtocolError);
    stream += 4;
  }
}

// §8.2.3
TEST_F(Rfc9113ServerTest, CookiesInPiecesCrossAsTheyCame) {
  const Fields crumbs = {{"cookie", "a=1"}, {"cookie", "b=2"}};
  server_.SayHeaders(3, RequestFields("/s/M", crumbs));
  EXPECT_EQ(server_.ear(1).block.view().Count("cookie"), 2u);
}

// §8.3
TEST_F(Rfc9113ServerTest, AReplysPseudoHeaderInARequestIsMalformed) {
  Fields fields = RequestFields();
  fields.insert(fields.begin(), {":status", "200"});
  ExpectStreamError(EncodedHeaders(3, fields), 3, kProtocolError);
}

// §8.4
TEST_F(Rfc9113ServerTest, AServerNeverPushes) {
  ExpectServed(3);
  EXPECT_TRUE(server_.Heard(kPushPromise).empty());
  for (const Frame& frame : server_.frames) EXPECT_TRUE(frame.stream % 2 == 1 || frame.stream == 0);
}

}  // namespace
}  // namespace singleflight::http2::testing
