// RFC 7541: header blocks that no encoder makes, and tables that both sides have to agree on, by
// section. CASES.md lists these and those that stand elsewhere.

#include <gtest/gtest.h>

#include "tests/http2/ends.h"
#include "tests/http2/errors.h"

namespace singleflight::http2::testing {
namespace {

constexpr uint16_t kHeaderTableSize = 1;

std::string Request() { return HeaderEncoder::Literal(RequestFields()); }

// What follows a whole request in its block, or stands before it. A block that cannot be read takes
// the connection's state with it (RFC 9113 §4.3).
class Rfc7541Test : public ::testing::Test {
 protected:
  Rfc7541Test() : server_(Side::kServer) { server_.Greet(); }

  void ExpectCompressionError(const std::string& block) {
    server_.SayBlock(1, block);
    EXPECT_EQ(server_.GoAwayError(), kCompressionError);
    EXPECT_TRUE(server_.session.Done());
    for (const auto& ear : server_.owner.ears) EXPECT_EQ(ear->blocks, 0);
  }

  Fields Understood(const std::string& block) {
    server_.SayBlock(next_, block, true);
    next_ += 2;
    EXPECT_EQ(server_.GoAwayError(), kNoError);
    return server_.owner.ears.back()->headers;
  }

  ByHand server_;
  int32_t next_ = 1;
};

// §2.3.3
TEST_F(Rfc7541Test, IndexZeroIsAnError) { ExpectCompressionError(Request() + "\x80"); }

// §2.3.3
TEST_F(Rfc7541Test, AnIndexBeyondBothTablesIsAnError) {
  ExpectCompressionError(Request() + "\xbe");  // 62, and the dynamic table is empty
}

// §2.3.3
TEST_F(Rfc7541Test, ANameFromBeyondBothTablesIsAnError) {
  ExpectCompressionError(Request() + "\x7e\x01v");
}

// §4.2
TEST_F(Rfc7541Test, ATableLargerThanAllowedIsAnError) {
  ExpectCompressionError("\x3f\xe2\x1f" + Request());  // 4,097
}

// §4.2
TEST_F(Rfc7541Test, ATableMayShrinkAndGrowAgainAtTheStartOfABlock) {
  EXPECT_EQ(Understood("\x20\x3f\xe1\x1f" + Request()), RequestFields());  // 0, then 4,096
}

// §4.2
TEST_F(Rfc7541Test, ATableThatChangesItsSizeWithinABlockIsAnError) {
  ExpectCompressionError(Request() + "\x20");
}

// §4.2, RFC 9113 §4.3.1
TEST_F(Rfc7541Test, AnEncoderObeysASmallerTable) {
  server_.Say(Settings({{kHeaderTableSize, 0}}));
  server_.Ask(1);
  AnswerOk(*server_.ear().stream, "done");
  server_.Listen();
  const std::string block = server_.Heard(kHeaders, 1).at(0).payload;
  EXPECT_EQ(block.front(), '\x20') << "it says so, once";
  EXPECT_EQ(HeaderDecoder().Decode(block), ReplyFields());
  EXPECT_EQ(HeaderDecoder().Decode(block), ReplyFields()) << "without a table that grew";
}

// §4.4
TEST_F(Rfc7541Test, AnEntryLargerThanTheTableEmptiesItAndIsNoError) {
  const std::string kept = std::string("\x40\x06x-kept\x01v", 10);
  EXPECT_EQ(Understood(Request() + kept).back(), Fields::value_type("x-kept", "v"));
  const std::string huge =
      std::string("\x40\x06x-huge", 8) + "\x7f\x81\x1f" + std::string(127 + 0xf81, 'h');
  EXPECT_EQ(Understood(Request() + huge).back().second.size(), 127u + 0xf81);
  server_.SayBlock(next_, Request() + "\xbe", true);
  EXPECT_EQ(server_.GoAwayError(), kCompressionError) << "the table is empty";
}

// §5.1
TEST_F(Rfc7541Test, AnIntegerWithoutEndIsAnError) {
  ExpectCompressionError(Request() + "\xff" + std::string(16, '\xff') + "\x01");
}

// §5.1
TEST_F(Rfc7541Test, ALengthBeyondAllMemoryIsAnError) {
  ExpectCompressionError(Request() + std::string("\0\x7f\xff\xff\xff\xff\xff\xff\xff\x7f", 10));
}

// §5.2
TEST_F(Rfc7541Test, AStringLongerThanItsBlockIsAnError) {
  ExpectCompressionError(Request() + std::string("\0\x06x-lo", 6));
}

// §5.2
TEST_F(Rfc7541Test, AValueInHuffmanCodeIsReadWithPaddingOfOnes) {
  const std::string field = std::string("\0\x03x-a\x81\x1f", 7);  // 'a' is 00011
  EXPECT_EQ(Understood(Request() + field).back(), Fields::value_type("x-a", "a"));
}

// §5.2
TEST_F(Rfc7541Test, PaddingThatIsNotMadeOfOnesIsAnError) {
  ExpectCompressionError(Request() + std::string("\0\x03x-a\x81\x18", 7));
}

// §5.2
TEST_F(Rfc7541Test, PaddingOfEightBitsIsAnError) {
  ExpectCompressionError(Request() + std::string("\0\x03x-a\x82\x1f\xff", 8));
}

// §5.2
TEST_F(Rfc7541Test, TheEndOfStringSymbolInAStringIsAnError) {
  ExpectCompressionError(Request() + std::string("\0\x03x-a\x84\xff\xff\xff\xff", 10));
}

// §6.1, RFC 9113 §4.3
TEST_F(Rfc7541Test, ATableIsSharedByAllStreamsOfAConnection) {
  EXPECT_EQ(Understood(Request() + std::string("\x40\x05x-one\x01v", 9)).back(),
            Fields::value_type("x-one", "v"));
  EXPECT_EQ(Understood(Request() + "\xbe").back(), Fields::value_type("x-one", "v"));
}

// §6.2.3
TEST_F(Rfc7541Test, WhatMustNotBeIndexedIsNotIndexedHere) {
  Understood(Request() + std::string("\x10\x05x-one\x01v", 9));
  server_.SayBlock(next_, Request() + "\xbe", true);
  EXPECT_EQ(server_.GoAwayError(), kCompressionError) << "it is in no table";
}

}  // namespace
}  // namespace singleflight::http2::testing
