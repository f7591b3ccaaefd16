// Names and values longer than nghttp2 takes, and blocks of more frames than it takes by itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/http2/long_fields.h"
#include "tests/http2/ends.h"
#include "tests/http2/errors.h"

namespace singleflight::http2::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr size_t kLong = 150'000;

std::string Letters(size_t size) {
  std::string text;
  while (text.size() < size) text += "no such id, and a long story about it; ";
  text.resize(size);
  return text;
}

// The same with every field put into the table (RFC 7541 §6.2.1).
std::string Indexed(const std::string& name, const std::string& value) {
  std::string literal = HeaderEncoder::Literal({{name, value}});
  literal[0] = 0x40;
  return literal;
}

SessionOptions Allowing(size_t bytes) {
  SessionOptions options;
  options.max_header_list_bytes = bytes;
  return options;
}

// A client with two calls in the air, streams 1 and 3.
struct TwoCalls {
  explicit TwoCalls(size_t bytes) : client(Side::kClient, Allowing(bytes)) {
    client.Greet();
    first = client.Open();
    second = client.Open();
    client.Listen();
  }

  void SecondGoesOn() {
    client.SayHeaders(3, ReplyFields());
    client.Say(Data(3, "answer"));
    client.SayHeaders(3, {{"grpc-status", "0"}}, true);
    EXPECT_EQ(second->body, "answer");
    EXPECT_THAT(second->trailing, ElementsAre(Pair("grpc-status", "0")));
    EXPECT_EQ(client.GoAwayError(), kNoError);
  }

  ByHand client;
  std::shared_ptr<Ear> first, second;
};

TEST(LongValuesTest, AValueWithinTheBoundArrivesByteForByte) {
  for (const bool coded : {false, true}) {
    TwoCalls calls(256 << 10);
    const Fields trailing = {{"grpc-status", "3"}, {"grpc-message", Letters(kLong)}, {"x", "y"}};
    calls.client.SayHeaders(1, ReplyFields());
    if (coded) {
      calls.client.SayHeaders(1, trailing, true);
    } else {
      calls.client.SayBlock(1, HeaderEncoder::Literal(trailing), true);
    }
    EXPECT_TRUE(calls.first->ended);
    EXPECT_TRUE(calls.first->trailing == trailing) << coded;
    calls.SecondGoesOn();
  }
}

TEST(LongValuesTest, HowBytesComeMakesNoDifference) {
  const Fields fields = ReplyFields(
      {{"a", Letters(70'000)}, {"b", "short"}, {"c", Letters(66'000)}, {"d", "shorter"}});
  std::string bytes;
  const std::string block = HeaderEncoder().Encode(fields) + Indexed("e", Letters(65'600));
  for (size_t at = 0; at < block.size(); at += 16000) {
    const bool ends = at + 16000 >= block.size();
    bytes += Frame{at == 0 ? kHeaders : kContinuation, static_cast<uint8_t>(ends ? kEndHeaders : 0),
                   1, block.substr(at, 16000)}
                 .Encoded();
  }
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{16'009}, size_t{65'536}}) {
    TwoCalls calls(512 << 10);
    for (size_t at = 0; at < bytes.size(); at += piece) calls.client.Say(bytes.substr(at, piece));
    ASSERT_EQ(calls.first->blocks, 1) << piece;
    Fields expected = fields;
    expected.emplace_back("e", Letters(65'600));
    EXPECT_TRUE(calls.first->headers == expected) << piece;
    calls.SecondGoesOn();
  }
}

TEST(LongValuesTest, PaddingAndPrioritiesAreNoPartOfTheBlock) {
  TwoCalls calls(256 << 10);
  const std::string block =
      HeaderEncoder::Literal(ReplyFields({{"x-long", Letters(kLong)}, {"z", "last"}}));
  std::string bytes = Frame{kHeaders, kPadded | kWithPriority, 1,
                            "\x05" + FourBytes(0) + "\x10" + block.substr(0, 9000) + "12345"}
                          .Encoded();
  for (size_t at = 9000; at < block.size(); at += 16384) {
    const bool ends = at + 16384 >= block.size();
    bytes += Frame{kContinuation, static_cast<uint8_t>(ends ? kEndHeaders : 0), 1,
                   block.substr(at, 16384)}
                 .Encoded();
  }
  calls.client.Say(bytes);
  EXPECT_THAT(calls.first->headers, Contains(Pair("z", "last")));
  EXPECT_TRUE(calls.first->headers.at(2).second == Letters(kLong));
  calls.SecondGoesOn();
}

TEST(LongValuesTest, ALongNameArrivesToo) {
  TwoCalls calls(256 << 10);
  const std::string name = "x-" + std::string(70'000, 'n');
  calls.client.SayBlock(
      1, HeaderEncoder::Literal(ReplyFields({{name, "v"}, {name, Letters(kLong / 2)}})));
  ASSERT_EQ(calls.first->blocks, 1);
  EXPECT_TRUE(calls.first->headers.at(2) == (std::pair<std::string, std::string>(name, "v")));
  EXPECT_TRUE(calls.first->headers.at(3).first == name);
  EXPECT_TRUE(calls.first->headers.at(3).second == Letters(kLong / 2));
  calls.SecondGoesOn();
}

// RFC 7541 §4.4: an entry larger than the table empties it.
TEST(LongValuesTest, ALongEntryEmptiesTheCompressionTable) {
  TwoCalls calls(256 << 10);
  const std::string entry = "\xbe";  // the table's newest, §2.3.3
  calls.client.SayBlock(1, HeaderEncoder::Literal(ReplyFields()) + Indexed("x-kept", "1") + entry +
                               Indexed("x-long", Letters(kLong)) + Indexed("x-new", "2") + entry);
  EXPECT_THAT(calls.first->headers, Contains(Pair("x-kept", "1")).Times(2));
  EXPECT_THAT(calls.first->headers, Contains(Pair("x-new", "2")).Times(2));
  EXPECT_EQ(calls.client.GoAwayError(), kNoError);
  calls.client.SayBlock(3, HeaderEncoder::Literal(ReplyFields()) + "\xbf");
  EXPECT_EQ(calls.client.GoAwayError(), kCompressionError) << "there is one entry";
}

TEST(LongValuesTest, AReplyPastTheBoundEndsItsCallAloneAndItsStatusIsKnown) {
  const Fields cases[] = {
      {{"grpc-status", "3"}, {"grpc-message", Letters(kLong)}},
      {{"grpc-message", Letters(kLong)}, {"grpc-status", "3"}},
      {{"grpc-message", Letters(60'000)}, {"grpc-details", Letters(60'000)}, {"grpc-status", "3"}},
  };
  for (const Fields& trailing : cases) {
    TwoCalls calls(64 << 10);
    calls.client.SayHeaders(1, ReplyFields());
    calls.client.SayHeaders(1, trailing, true);
    ASSERT_TRUE(calls.first->EndedAs(Closed::Why::kHeadersTooLarge));
    EXPECT_EQ(calls.first->closed->status, wire::StatusCode::kInvalidArgument);
    EXPECT_FALSE(calls.first->ended);
    EXPECT_EQ(calls.client.ResetOf(1), kCancel) << "nobody reads any more";
    calls.SecondGoesOn();
  }
}

TEST(LongValuesTest, AStatusOutsideOfTheBlockThatIsTooLargeIsNotGuessed) {
  TwoCalls calls(64 << 10);
  calls.client.SayHeaders(1, ReplyFields({{"x-long", Letters(kLong)}}));
  ASSERT_TRUE(calls.first->EndedAs(Closed::Why::kHeadersTooLarge));
  EXPECT_EQ(calls.first->closed->status, absl::nullopt);
  calls.SecondGoesOn();
}

TEST(LongValuesTest, AReplyHeaderListWithoutEndEndsTheConnectionAndNamesItsCall) {
  TwoCalls calls(64 << 10);
  calls.client.SayBlock(1, HeaderEncoder::Literal(
                               {{"x", std::string(FloodGuard::OfBackend().block_bytes + 1, 'x')}}));
  EXPECT_TRUE(calls.first->EndedAs(Closed::Why::kHeadersTooLarge));
  EXPECT_FALSE(calls.second->closed.has_value()) << "it may be sent again when the connection goes";
  EXPECT_NE(calls.client.GoAwayError(), kNoError);
  EXPECT_TRUE(calls.client.session.ended_by_bound());
  EXPECT_THAT(calls.client.session.why_ended(), HasSubstr("16777216"));
}

TEST(LongValuesTest, WhatABrokenValueSaysBehindItsBeginningIsLookedAtToo) {
  TwoCalls calls(256 << 10);
  calls.client.SayBlock(
      1, HeaderEncoder::Literal(ReplyFields({{"x-long", Letters(kLong) + "\r\nx: y"}})));
  EXPECT_EQ(calls.client.ResetOf(1), kProtocolError);
  EXPECT_TRUE(calls.first->EndedAs(Closed::Why::kMalformed));
  calls.SecondGoesOn();
}

TEST(LongValuesTest, WhatIsNotCompressedRightEndsTheConnection) {
  const std::string begun = HeaderEncoder::Literal(ReplyFields());
  const std::string value(70'000, '\xff');  // as Huffman code: the symbol for the end
  std::string coded = HeaderEncoder::Literal({{"x", value}});
  coded[3] = '\xff';
  std::string padded = HeaderEncoder::Literal({{"x", std::string(70'001, '\0')}});  // '0's
  padded[3] = '\xff';
  std::string broken_behind_the_bound =
      HeaderEncoder::Literal({{"x", std::string(300'000, '\0') + std::string(10'000, '\xff')}});
  broken_behind_the_bound[3] = '\xff';
  const std::string blocks[] = {
      begun + coded,
      begun + padded,
      begun + HeaderEncoder::Literal({{"x", value}}).substr(0, 69'000),
      std::string(20'000, '\x82') + "\xff\xff\xff\xff\xff\xff\xff\x7f",
      begun + std::string(20'000, '\x82') + "\x7f",
      begun + std::string(20'000, '\x82') + "\xff\x80",
      begun + std::string(20'000, '\x82') + std::string("\x40\1x\x7f\x80", 5),
      begun + broken_behind_the_bound,
  };
  for (const std::string& block : blocks) {
    TwoCalls calls(256 << 10);
    calls.client.SayBlock(1, block);
    EXPECT_EQ(calls.client.GoAwayError(), kCompressionError);
    EXPECT_EQ(calls.first->blocks, 0);
  }
}

// Of the next frame, which is as large as may be, no byte is to be pushed beyond that.
TEST(LongValuesTest, ANumberMayBeCutByTheEndOfAFrame) {
  const std::string begun = HeaderEncoder::Literal(ReplyFields()) + std::string("\0\1x", 3);
  const std::string block = begun + HeaderEncoder::Literal({{"x", Letters(40'000)}}).substr(3);
  LongFields filter(0, 256 << 10);
  const std::string bytes =
      Frame{kHeaders, 0, 1, block.substr(0, begun.size() + 2)}.Encoded() +
      Frame{kContinuation, 0, 1, block.substr(begun.size() + 2, 16384)}.Encoded();
  absl::string_view left = bytes;
  std::string out;
  while (!left.empty() || filter.pending()) absl::StrAppend(&out, filter.Next(left));
  for (const Frame& frame : TakeFrames(out)) EXPECT_LE(frame.payload.size(), 16384u);
  EXPECT_EQ(out, "");
}

// nghttp2 checks the length of HEADERS only.
TEST(LongValuesTest, AContinuationLongerThanAllowedEndsTheConnection) {
  TwoCalls calls(256 << 10);
  const std::string block = HeaderEncoder::Literal(ReplyFields({{"x", Letters(20'000)}}));
  calls.client.Say(Frame{kHeaders, 0, 1, block.substr(0, 100)}.Encoded() +
                   Frame{kContinuation, kEndHeaders, 1, block.substr(100)}.Encoded());
  EXPECT_EQ(calls.client.GoAwayError(), kFrameSizeError);
}

TEST(LongValuesTest, ARequestWithALongValueIsRefusedByTheNameOfTheLimit) {
  for (const size_t size : {size_t{65'537}, size_t{130'000}, size_t{250'000}}) {
    ByHand server(Side::kServer);
    server.Greet();
    server.SayHeaders(1, RequestFields());
    server.SayHeaders(3, RequestFields("/s/M", {{"x-long", std::string(size, '%')}}));
    HeaderDecoder decoder;
    ASSERT_EQ(server.Heard(kHeaders, 3).size(), 1u) << size;
    const Fields reply = decoder.Decode(server.Heard(kHeaders, 3).at(0).payload);
    EXPECT_THAT(reply, Contains(Pair("grpc-status", "8")));
    EXPECT_THAT(reply, Contains(Pair("grpc-message", HasSubstr("limits.max_header_bytes"))));
    EXPECT_EQ(server.ear(1).blocks, 0);
    EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kHeaderBytes));
    server.Say(Data(1, "message", kEndStream));
    EXPECT_EQ(server.ear(0).body, "message") << "the other call goes on";
    server.Ask(5);
    EXPECT_EQ(server.ear(2).body, "ask") << "and new ones come";
    EXPECT_EQ(server.GoAwayError(), kNoError);
  }
}

TEST(LongValuesTest, NothingIsKeptOfAValueOnceItHasBeenRead) {
  LongFields filter(0, 64 << 10);
  const std::string block =
      HeaderEncoder::Literal(RequestFields("/s/M", {{"x-long", std::string(130'000, '%')}}));
  std::string bytes;
  for (size_t at = 0; at < block.size(); at += 16384) {
    const bool last = at + 16384 >= block.size();
    bytes += Frame{at == 0 ? kHeaders : kContinuation, static_cast<uint8_t>(last ? kEndHeaders : 0),
                   1, block.substr(at, 16384)}
                 .Encoded();
  }
  absl::string_view left = bytes;
  size_t most = 0;
  bool told = false;
  while (!left.empty() || filter.pending()) {
    filter.Next(left);
    most = std::max(most, filter.footprint());
    told = told || filter.field() != nullptr;
  }
  EXPECT_TRUE(told);
  EXPECT_GT(most, 64u << 10);
  filter.Release();
  EXPECT_EQ(filter.field(), nullptr);
  EXPECT_LT(filter.footprint(), 8u << 10);
}

TEST(LongValuesTest, ALongPathIsRefusedLikeAnyOtherValue) {
  ByHand server(Side::kServer);
  server.Greet();
  server.SayHeaders(1, RequestFields("/s/" + std::string(70'000, 'M')));
  ASSERT_EQ(server.Heard(kHeaders, 1).size(), 1u);
  EXPECT_THAT(HeaderDecoder().Decode(server.Heard(kHeaders, 1).at(0).payload),
              Contains(Pair("grpc-status", "8")));
}

TEST(LongValuesTest, ARequestWithoutEndEndsTheConnectionBeforeItHasCome) {
  ByHand server(Side::kServer);
  server.Greet();
  const std::string block = HeaderEncoder::Literal(
      RequestFields("/s/M", {{"x", std::string(FloodGuard::OfClient(0).block_bytes + 1, 'x')}}));
  server.Say(Frame{kHeaders, 0, 1, block.substr(0, 1000)});
  EXPECT_NE(server.GoAwayError(), kNoError);
  EXPECT_THAT(server.owner.bounds, ElementsAre(Bound::kEndlessHeaders));
}

TEST(LongValuesTest, AHeaderBlockMayHaveAsManyFramesAsItsBytesNeed) {
  ByHand server(Side::kServer, Allowing(96 << 10));
  server.Greet();
  Fields many;
  for (int i = 0; i < 90; ++i) many.emplace_back(absl::StrCat("x-", i), std::string(900, '%'));
  server.SayHeaders(1, RequestFields("/s/M", many), false, 8000);
  EXPECT_EQ(server.ear().blocks, 1);
  EXPECT_EQ(server.GoAwayError(), kNoError);
}

}  // namespace
}  // namespace singleflight::http2::testing
