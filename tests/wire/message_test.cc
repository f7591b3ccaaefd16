#include "server/wire/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace singleflight::wire {
namespace {

using State = MessageScanner::State;
using ::testing::PrintToString;

// A message frame with a length that need not be that of `body`.
std::string Frame(char flag, uint32_t length, const std::string& body) {
  std::string frame(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(length >> shift));
  return frame + body;
}
std::string Message(const std::string& body, char flag = 0) {
  return Frame(flag, static_cast<uint32_t>(body.size()), body);
}

struct Stream {
  std::string what;
  std::string bytes;
  State state;
  uint64_t complete;
  bool more_than_one;
};

std::vector<Stream> Streams() {
  return {
      {"nothing", "", State::kBetween, 0, false},
      {"a part of a prefix", std::string(4, '\0'), State::kInside, 0, false},
      {"an empty message", Message(""), State::kBetween, 1, false},
      {"a message", Message("tea"), State::kBetween, 1, false},
      {"a compressed message", Message("tea", 1), State::kBetween, 1, false},
      {"a prefix without its body", Frame(0, 3, ""), State::kInside, 0, false},
      {"half a body", Frame(0, 3, "te"), State::kInside, 0, false},
      {"two messages", Message("tea") + Message("milk"), State::kBetween, 2, true},
      {"two empty messages", Message("") + Message(""), State::kBetween, 2, true},
      {"three messages", Message("") + Message("a") + Message(""), State::kBetween, 3, true},
      {"one and the first byte of the next", Message("tea") + std::string(1, '\0'), State::kInside,
       1, true},
      {"one and most of the next", Message("tea") + Frame(1, 9, "12345678"), State::kInside, 1,
       true},
      {"a flag of 2", Message("tea", 2), State::kMalformed, 0, false},
      {"a flag of 255", Message("", '\xff'), State::kMalformed, 0, false},
      {"text", "HTTP/1.1 200 OK", State::kMalformed, 0, false},
      {"one, then nonsense", Message("tea") + "\x02", State::kMalformed, 1, false},
      {"nonsense, then one", "\x02" + Message("tea"), State::kMalformed, 0, false},
      {"bytes of 2 inside a body", Message("\x02\x02\x02"), State::kBetween, 1, false},
      {"length bytes above 127", Message(std::string(0x1ff, 'x')), State::kBetween, 1, false},
  };
}

void ExpectEnd(const MessageScanner& scanner, const Stream& stream, const std::string& how) {
  EXPECT_EQ(scanner.state(), stream.state) << stream.what << how;
  EXPECT_EQ(scanner.complete(), stream.complete) << stream.what << how;
  EXPECT_EQ(scanner.MoreThanOne(), stream.more_than_one) << stream.what << how;
  EXPECT_EQ(scanner.ExactlyOne(), stream.state == State::kBetween && stream.complete == 1)
      << stream.what << how;
}

TEST(MessageScannerTest, CountsTheMessagesOfAStream) {
  for (const Stream& stream : Streams()) {
    MessageScanner scanner;
    scanner.Feed(stream.bytes);
    ExpectEnd(scanner, stream, "");
  }
}

TEST(MessageScannerTest, RemembersTheLargestLengthThatWasClaimed) {
  MessageScanner scanner;
  EXPECT_EQ(scanner.largest(), 0u);
  scanner.Feed(Message("kettle") + Message("tea"));
  EXPECT_EQ(scanner.largest(), 6u);
  scanner.Feed(std::string("\0\xff\xff\xff", 4));
  EXPECT_EQ(scanner.largest(), 6u) << "not said to its end";
  scanner.Feed("\xff");
  EXPECT_EQ(scanner.largest(), 0xffffffffu);
}

TEST(MessageScannerTest, WhereAStreamIsCutInTwoMakesNoDifference) {
  for (const Stream& stream : Streams()) {
    for (size_t cut = 0; cut <= stream.bytes.size(); ++cut) {
      MessageScanner scanner;
      scanner.Feed(absl::string_view(stream.bytes).substr(0, cut));
      scanner.Feed(absl::string_view(stream.bytes).substr(cut));
      ExpectEnd(scanner, stream, ", cut at " + PrintToString(cut));
    }
  }
}

TEST(MessageScannerTest, AStreamMayComeByteByByte) {
  for (const Stream& stream : Streams()) {
    MessageScanner scanner;
    for (char byte : stream.bytes) scanner.Feed(absl::string_view(&byte, 1));
    ExpectEnd(scanner, stream, ", byte by byte");
  }
}

// PITFALLS 29
TEST(MessageScannerTest, APrefixThatClaims4GiBCostsNothing) {
  MessageScanner scanner;
  scanner.Feed(Frame(0, 0xffffffff, "a few bytes"));
  EXPECT_EQ(scanner.state(), State::kInside);
  EXPECT_EQ(scanner.complete(), 0);
  EXPECT_LE(sizeof(scanner), 32);  // it has nowhere to keep a byte
}

// PITFALLS 29
TEST(MessageScannerTest, AMessageOf4GiBIsFollowedToItsEnd) {
  MessageScanner scanner;
  scanner.Feed(Frame(0, 0xffffffff, ""));
  const std::string mebibyte(1 << 20, '\x07');
  for (int i = 0; i < 4095; ++i) scanner.Feed(mebibyte);
  scanner.Feed(absl::string_view(mebibyte).substr(1));
  EXPECT_TRUE(scanner.ExactlyOne());
}

TEST(MessageScannerTest, WhatIsMalformedStaysMalformed) {
  MessageScanner scanner;
  scanner.Feed("\x02");
  scanner.Feed(Message("tea"));
  EXPECT_EQ(scanner.state(), State::kMalformed);
  EXPECT_EQ(scanner.complete(), 0);
}

}  // namespace
}  // namespace singleflight::wire
