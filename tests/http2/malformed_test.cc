// Frames that no peer should send: each is a stream error or a connection error of RFC 9113.

#include <gtest/gtest.h>

#include "tests/http2/ends.h"

namespace singleflight::http2::testing {
namespace {

enum Errors : int64_t {
  kNothing = -1,
  kProtocol = 1,
  kFlowControl = 3,
  kStreamClosed = 5,
  kFrameSize = 6,
  kCompression = 9,
};

struct Case {
  const char* what;
  std::string bytes;
  int64_t goaway;  // the connection's error
  int64_t reset;   // that of stream 1, which is open
};

std::string RequestBlock(const Fields& more = {}) {
  return HeaderEncoder::Literal(RequestFields("/s/M", more));
}

std::string RequestWithout(const std::string& name, const Fields& instead = {}) {
  Fields fields = instead;
  for (const auto& field : RequestFields()) {
    if (field.first != name) fields.push_back(field);
  }
  return HeaderEncoder::Literal(fields);
}

std::string Headers(int32_t stream, const std::string& block, uint8_t flags = kEndHeaders) {
  return Frame{kHeaders, flags, stream, block}.Encoded();
}

std::vector<Case> OfTheConnection() {
  return {
      {"DATA on stream 0", Data(0, "x").Encoded(), kProtocol, kNothing},
      {"DATA on an idle stream", Data(5, "x").Encoded(), kProtocol, kNothing},
      {"padding longer than the frame", Frame{kData, kPadded, 1, "\x09x"}.Encoded(), kProtocol,
       kNothing},
      {"HEADERS on stream 0", Headers(0, RequestBlock()), kProtocol, kNothing},
      {"HEADERS on an even stream", Headers(2, RequestBlock()), kProtocol, kNothing},
      {"a block that no table explains", Headers(3, "\xff\xff\xff\x7f"), kCompression, kNothing},
      {"a frame within a header block", Headers(3, RequestBlock(), 0) + Ping("intruder").Encoded(),
       kProtocol, kNothing},
      {"CONTINUATION of nothing", Frame{kContinuation, kEndHeaders, 1, "x"}.Encoded(), kProtocol,
       kNothing},
      {"SETTINGS on a stream", Frame{kSettings, 0, 1, ""}.Encoded(), kProtocol, kNothing},
      {"SETTINGS of five bytes", Frame{kSettings, 0, 0, "12345"}.Encoded(), kFrameSize, kNothing},
      {"an acknowledgement with contents", Frame{kSettings, kAck, 0, "123456"}.Encoded(),
       kFrameSize, kNothing},
      {"an initial window beyond 2^31-1", Settings({{kInitialWindowSize, 0x80000000u}}).Encoded(),
       kFlowControl, kNothing},
      {"a maximal frame size below 2^14", Settings({{kMaxFrameSize, 100}}).Encoded(), kProtocol,
       kNothing},
      {"ENABLE_PUSH that is neither 0 nor 1", Settings({{kEnablePush, 2}}).Encoded(), kProtocol,
       kNothing},
      {"PING of seven bytes", Ping("seven__").Encoded(), kFrameSize, kNothing},
      {"PING on a stream", Frame{kPing, 0, 1, "12345678"}.Encoded(), kProtocol, kNothing},
      {"GOAWAY of four bytes", Frame{kGoAway, 0, 0, "1234"}.Encoded(), kFrameSize, kNothing},
      {"WINDOW_UPDATE of 0 on a stream", WindowUpdate(1, 0).Encoded(), kProtocol, kNothing},
      {"WINDOW_UPDATE of 0 on the connection", WindowUpdate(0, 0).Encoded(), kProtocol, kNothing},
      {"a connection window beyond 2^31-1", WindowUpdate(0, 0x7fffffff).Encoded(), kFlowControl,
       kNothing},
      {"WINDOW_UPDATE on an idle stream", WindowUpdate(5, 1).Encoded(), kProtocol, kNothing},
      {"RST_STREAM of three bytes", Frame{kRstStream, 0, 1, "123"}.Encoded(), kFrameSize, kNothing},
      {"RST_STREAM on an idle stream of the server's", RstStream(4, 8).Encoded(), kProtocol,
       kNothing},
      {"PUSH_PROMISE of a client",
       Frame{kPushPromise, kEndHeaders, 1, FourBytes(2) + RequestBlock()}.Encoded(), kProtocol,
       kNothing},
      {"a frame larger than allowed", Data(1, std::string(16385, 'x')).Encoded(), kFrameSize,
       kNothing},
      {"4 GiB that never come",
       FourBytes(0xffffff00u).substr(0, 3) + std::string("\0\0\0\0\0\1", 6), kFrameSize, kNothing},
  };
}

std::vector<Case> OfTheStream() {
  return {
      {"a stream window beyond 2^31-1", WindowUpdate(1, 0x7fffffff).Encoded(), kNothing,
       kFlowControl},
      {"a second header block that ends nothing",
       Headers(1, HeaderEncoder::Literal({{"x-late", "1"}})), kNothing, kProtocol},
      {"a pseudo-header field in a trailer block",
       Headers(1, HeaderEncoder::Literal({{":path", "/"}}), kEndHeaders | kEndStream), kNothing,
       kProtocol},
  };
}

// Requests on stream 1 that are refused as a whole.
std::vector<Case> OfTheRequest() {
  return {
      {"no :path", RequestWithout(":path"), kNothing, kProtocol},
      {"no :method", RequestWithout(":method"), kNothing, kProtocol},
      {"no :scheme", RequestWithout(":scheme"), kNothing, kProtocol},
      {"an empty :path", RequestWithout(":path", {{":path", ""}}), kNothing, kProtocol},
      {":path twice", RequestWithout("", {{":path", "/s/N"}}), kNothing, kProtocol},
      {"an unknown pseudo-header field", RequestWithout("", {{":odd", "1"}}), kNothing, kProtocol},
      {"a pseudo-header field after others", RequestBlock({{":authority", "b"}}), kNothing,
       kProtocol},
      {"a content-length that is no number", RequestBlock({{"content-length", "x"}}), kNothing,
       kProtocol},
      {"transfer-encoding", RequestBlock({{"transfer-encoding", "chunked"}}), kNothing, kProtocol},
  };
}

void ExpectErrors(const ByHand& server, const Case& expected) {
  EXPECT_EQ(server.GoAwayError(), expected.goaway) << expected.what;
  EXPECT_EQ(server.ResetOf(1), expected.reset) << expected.what;
  EXPECT_EQ(server.session.Done(), expected.goaway != kNothing) << expected.what;
}

TEST(MalformedTest, WhatOnlyABrokenPeerSendsEndsTheConnectionWithTheRightError) {
  for (const Case& malformed : OfTheConnection()) {
    ByHand server(Side::kServer);
    server.Greet();
    server.SayHeaders(1, RequestFields());
    server.Say(malformed.bytes);
    ExpectErrors(server, malformed);
  }
}

TEST(MalformedTest, WhatIsWrongWithOneStreamEndsThatStreamOnly) {
  for (const Case& malformed : OfTheStream()) {
    ByHand server(Side::kServer);
    server.Greet();
    server.SayHeaders(1, RequestFields());
    server.Say(malformed.bytes);
    ExpectErrors(server, malformed);
    server.Ask(3);
    EXPECT_EQ(server.ear(1).body, "ask") << malformed.what;
  }
}

TEST(MalformedTest, AMalformedRequestIsResetAndNeverSeen) {
  for (const Case& malformed : OfTheRequest()) {
    ByHand server(Side::kServer);
    server.Greet();
    server.Say(Headers(1, malformed.bytes));
    ExpectErrors(server, malformed);
    for (const auto& ear : server.owner.ears) EXPECT_EQ(ear->blocks, 0) << malformed.what;
    EXPECT_EQ(server.session.streams(), 0u) << malformed.what;
    EXPECT_EQ(server.owner.malformed.size(), 1u) << malformed.what;
  }
}

TEST(MalformedTest, AContentLengthThatLiesIsAStreamError) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Say(Headers(1, RequestBlock({{"content-length", "4"}})));
  server.Say(Data(1, "12345", kEndStream));
  EXPECT_EQ(server.ResetOf(1), kProtocol);
  EXPECT_FALSE(server.ear().ended);
  EXPECT_EQ(server.ear().body, "");
  server.Say(Headers(3, RequestBlock({{"content-length", "0"}})));
  server.Say(Data(3, "1", kEndStream));
  EXPECT_EQ(server.ResetOf(3), kProtocol);
  EXPECT_EQ(server.ear(1).body, "");
}

TEST(MalformedTest, AContentLengthThatIsTrueChangesNothing) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Say(Headers(1, RequestBlock({{"content-length", "4"}})));
  server.Say(Data(1, "12"));
  server.Say(Data(1, "34", kEndStream));
  EXPECT_EQ(server.ear().body, "1234");
  EXPECT_TRUE(server.ear().ended);
  server.Say(Headers(3, RequestBlock({{"content-length", "3"}})));
  server.Say(Data(3, "123"));
  server.Say(Headers(3, HeaderEncoder::Literal({{"x-late", "1"}}), kEndHeaders | kEndStream));
  EXPECT_TRUE(server.ear(1).ended);
  EXPECT_TRUE(server.owner.malformed.empty());
}

TEST(MalformedTest, ABodyThatTrailersEndTooEarlyIsAStreamError) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Say(Headers(1, RequestBlock({{"content-length", "4"}})));
  server.Say(Data(1, "12"));
  server.Say(Headers(1, HeaderEncoder::Literal({{"x-late", "1"}}), kEndHeaders | kEndStream));
  EXPECT_EQ(server.ResetOf(1), kProtocol);
  EXPECT_FALSE(server.ear().ended);
  EXPECT_TRUE(server.ear().EndedAs(Closed::Why::kMalformed));
}

// As clients on Unix sockets have them.
TEST(MalformedTest, NoAuthorityAndOneThatIsNoHostAreNoErrors) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Say(Headers(1, RequestWithout(":authority")));
  int32_t stream = 3;
  for (const char* authority : {"", "/run/catalog.sock", "@abstract"}) {
    Fields fields = RequestFields();
    fields[3].second = authority;
    server.Say(Headers(stream, HeaderEncoder::Literal(fields)));
    stream += 2;
  }
  ASSERT_EQ(server.owner.ears.size(), 4u);
  for (const auto& ear : server.owner.ears) EXPECT_EQ(ear->blocks, 1);
}

TEST(MalformedTest, DataAfterTheEndOfAStreamIsAnError) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Ask(1);
  server.Say(Data(1, "more"));
  EXPECT_EQ(server.ear().body, "ask");
  EXPECT_TRUE(server.GoAwayError() == kStreamClosed || server.ResetOf(1) == kStreamClosed);
}

TEST(MalformedTest, DataOnAStreamThatThisSideResetIsIgnored) {
  ByHand server(Side::kServer);
  server.Greet();
  server.SayHeaders(1, RequestFields());
  server.ear().stream->Reset(ErrorCode::kCancel);
  server.Listen();
  server.Say(Data(1, "was on its way", kEndStream));
  EXPECT_EQ(server.GoAwayError(), kNothing);
  EXPECT_EQ(server.ear().body, "");
}

TEST(MalformedTest, AStreamIdThatGoesBackOpensNothing) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Ask(5);
  server.Ask(3);
  EXPECT_EQ(server.owner.ears.size(), 1u);
}

TEST(MalformedTest, FramesOfUnknownTypesAreIgnored) {
  ByHand server(Side::kServer);
  server.Greet();
  server.Say(Frame{0xfa, 0xff, 1, "whatever"});
  server.Ask(1);
  EXPECT_EQ(server.ear().body, "ask");
}

TEST(MalformedTest, WhatIsNotHttp2IsRefusedByTheServer) {
  ByHand server(Side::kServer);
  server.Say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(absl::IsInvalidArgument(server.status));
}

TEST(MalformedTest, AServerThatSpeaksHttp1IsNoUpstream) {
  ByHand client(Side::kClient);
  client.Say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_FALSE(client.session.CanOpen());
  EXPECT_TRUE(!client.status.ok() || client.session.Done());
}

TEST(MalformedTest, AReplyWithoutAStatusIsReset) {
  ByHand client(Side::kClient);
  client.Greet();
  auto call = client.Open();
  client.Listen();
  client.SayBlock(1, HeaderEncoder::Literal({{"content-type", "application/grpc"}}));
  EXPECT_EQ(client.ResetOf(1), kProtocol);
  EXPECT_TRUE(call->EndedAs(Closed::Why::kMalformed));
}

}  // namespace
}  // namespace singleflight::http2::testing
