#include "server/wire/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/wire/deflated.h"

namespace singleflight::wire {
namespace {

constexpr size_t kRoomy = 1 << 20;

std::string Frame(char flag, const std::string& body) {
  std::string frame(1, flag);
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame.push_back(static_cast<char>(body.size() >> shift));
  }
  return frame + body;
}

TEST(EncodingTest, GzipAndDeflateCanBeUndoneAndNothingElse) {
  EXPECT_EQ(ParseEncoding("gzip"), Encoding::kGzip);
  EXPECT_EQ(ParseEncoding("deflate"), Encoding::kDeflate);
  for (const char* name : {"", "identity", "snappy", "zstd", "GZIP", "gzip,deflate", " gzip"}) {
    EXPECT_EQ(ParseEncoding(name), absl::nullopt) << name;
  }
}

TEST(EncodingTest, AListHasTheNamesBetweenItsCommas) {
  EXPECT_TRUE(Lists("identity,deflate, gzip", "gzip"));
  EXPECT_TRUE(Lists(" gzip ", "gzip"));
  EXPECT_TRUE(Lists("gzip,", "gzip"));
  EXPECT_FALSE(Lists("identity, deflate", "gzip"));
  EXPECT_FALSE(Lists("gzip-like, notgzip", "gzip"));
  EXPECT_FALSE(Lists("", "gzip"));
}

class InflateTest : public ::testing::TestWithParam<Encoding> {
 protected:
  static std::string Deflate(const std::string& message, int level = Z_BEST_COMPRESSION) {
    return Deflated(GetParam(), message, level);
  }
  Inflated Undo(const std::string& in, size_t max = kRoomy) {
    return Inflate(GetParam(), in, max, &out_);
  }

  std::string out_ = "before ";
};

TEST_P(InflateTest, WhatWasDeflatedComesOutAtEveryLevel) {
  std::string long_one;
  for (int i = 0; i < 20000; ++i) absl::StrAppend(&long_one, i * i, " ");
  for (const std::string& message : {std::string(), std::string("kettle"), long_one}) {
    for (int level : {0, 1, 9}) {
      out_ = "before ";
      EXPECT_EQ(Undo(Deflate(message, level)), Inflated::kWhole) << message.size();
      EXPECT_EQ(out_, "before " + message);
    }
  }
}

TEST_P(InflateTest, TheBoundIsTheLastSizeThatFits) {
  const std::string stream = Deflate(std::string(5000, 'x'));
  EXPECT_EQ(Undo(stream, 4999), Inflated::kTooLarge);
  EXPECT_EQ(out_, "before ");
  EXPECT_EQ(Undo(stream, 5000), Inflated::kWhole);
  out_.clear();
  EXPECT_EQ(Undo(Deflate(""), 0), Inflated::kWhole);
  EXPECT_EQ(Undo(Deflate("x"), 0), Inflated::kTooLarge);
}

// PITFALLS 29
TEST_P(InflateTest, ABombStopsAtTheBoundAndTakesNoMoreMemory) {
  const std::string bomb = Deflate(std::string(64 << 20, '\0'));
  ASSERT_LT(bomb.size(), 100u << 10);
  std::string out;
  EXPECT_EQ(Inflate(GetParam(), bomb, 1 << 20, &out), Inflated::kTooLarge);
  EXPECT_LE(out.capacity(), 3u << 20);
}

TEST_P(InflateTest, AStreamThatIsCutShortIsCorrupt) {
  const std::string stream = Deflate("blue kettle, blue kettle");
  for (size_t size = 0; size < stream.size(); ++size) {
    const Inflated inflated = Undo(stream.substr(0, size), 1u << 31);
    EXPECT_NE(inflated, Inflated::kWhole) << size;
    EXPECT_EQ(out_, "before ") << size;
  }
}

// No flipped bit comes out as something else than what went in.
TEST_P(InflateTest, AStreamWithAFlippedBitNeverComesOutChanged) {
  const std::string message = "blue kettle, blue kettle";
  const std::string stream = Deflate(message);
  for (size_t bit = 0; bit < 8 * stream.size(); ++bit) {
    std::string flipped = stream;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    out_.clear();
    if (Undo(flipped) == Inflated::kWhole) {
      EXPECT_EQ(out_, message) << bit;
    } else {
      EXPECT_EQ(out_, "") << bit;
    }
  }
}

TEST_P(InflateTest, WhatStandsBehindAStreamMakesItCorrupt) {
  EXPECT_EQ(Undo(Deflate("kettle") + '\0'), Inflated::kCorrupt);
  EXPECT_EQ(Undo(Deflate("blue ") + Deflate("kettle")), Inflated::kCorrupt);  // grpc-go reads it
}

TEST_P(InflateTest, NoBytesAreNoStream) {  // gRPC C++ takes them for an empty message
  EXPECT_EQ(Undo(""), Inflated::kCorrupt);
}

TEST_P(InflateTest, OneEncodingIsNotTheOther) {
  const Encoding other = GetParam() == Encoding::kGzip ? Encoding::kDeflate : Encoding::kGzip;
  EXPECT_EQ(Undo(Deflated(other, "kettle")), Inflated::kCorrupt);
}

TEST_P(InflateTest, AFrameBecomesTheFrameOfItsMessage) {
  const std::string message(70000, 'x');
  EXPECT_EQ(InflateFrame(GetParam(), Frame(1, Deflate(message)), kRoomy, &out_), Inflated::kWhole);
  EXPECT_EQ(out_, Frame(0, message));
  EXPECT_EQ(InflateFrame(GetParam(), Frame(1, Deflate("")), 5, &out_), Inflated::kWhole);
  EXPECT_EQ(out_, Frame(0, ""));
}

TEST_P(InflateTest, TheBoundOfAFrameIncludesItsPrefix) {
  const std::string frame = Frame(1, Deflate("kettle"));
  EXPECT_EQ(InflateFrame(GetParam(), frame, 11, &out_), Inflated::kWhole);
  EXPECT_EQ(InflateFrame(GetParam(), frame, 10, &out_), Inflated::kTooLarge);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(InflateFrame(GetParam(), frame, 4, &out_), Inflated::kTooLarge);
  EXPECT_EQ(InflateFrame(GetParam(), Frame(1, "no stream"), kRoomy, &out_), Inflated::kCorrupt);
  EXPECT_EQ(out_, "");
}

INSTANTIATE_TEST_SUITE_P(An, InflateTest, ::testing::Values(Encoding::kGzip, Encoding::kDeflate),
                         [](const ::testing::TestParamInfo<Encoding>& info) {
                           return info.param == Encoding::kGzip ? "Gzip" : "Deflate";
                         });

TEST(GzipTest, WhatAStreamClaimsAllocatesNothing) {
  std::string stream = Deflated(Encoding::kGzip, "kettle");
  for (size_t i = 1; i <= 4; ++i) stream[stream.size() - i] = '\xff';
  std::string out;
  EXPECT_EQ(Inflate(Encoding::kGzip, stream, 1 << 20, &out), Inflated::kTooLarge);
  EXPECT_EQ(Inflate(Encoding::kGzip, stream, 1ull << 33, &out), Inflated::kCorrupt);
  EXPECT_LE(out.capacity(), 4096u);
}

// RFC 1950 §2.2: FDICT. Nobody has the dictionary.
TEST(DeflateTest, AStreamThatNeedsADictionaryIsCorrupt) {
  z_stream stream = {};
  ASSERT_EQ(deflateInit(&stream, 9), Z_OK);
  const std::string dictionary = "blue kettle";
  deflateSetDictionary(&stream, reinterpret_cast<const Bytef*>(dictionary.data()),
                       static_cast<uInt>(dictionary.size()));
  std::string in = dictionary, deflated(100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(deflated.data());
  stream.avail_out = static_cast<uInt>(deflated.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  deflated.resize(stream.total_out);
  deflateEnd(&stream);
  std::string out;
  EXPECT_EQ(Inflate(Encoding::kDeflate, deflated, kRoomy, &out), Inflated::kCorrupt);
}

}  // namespace
}  // namespace singleflight::wire
