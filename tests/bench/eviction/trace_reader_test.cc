#include "tests/bench/eviction/trace_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace singleflight::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class TraceReaderTest : public ::testing::Test {
 protected:
  std::string Path(absl::string_view name) {
    return absl::StrCat(::testing::TempDir(), "/trace_reader_test.", getpid(), ".", name);
  }
  std::string Plain(absl::string_view name, const std::string& text) {
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }
  std::string Packed(absl::string_view name, const std::string& text) {
    gzFile file = gzopen(Path(name).c_str(), "wb");
    gzwrite(file, text.data(), text.size());
    gzclose(file);
    return Path(name);
  }
  static std::string Record(uint64_t object, uint32_t bytes) {
    std::string record(24, '\0');
    for (int i = 0; i < 8; ++i) record[4 + i] = static_cast<char>(object >> (8 * i));
    for (int i = 0; i < 4; ++i) record[12 + i] = static_cast<char>(bytes >> (8 * i));
    return record;
  }
  static std::string Error(const std::string& path) {
    return std::string(ReadTrace(path).status().message());
  }
  static std::vector<uint32_t> Sizes(const Trace& trace) {
    std::vector<uint32_t> sizes;
    for (const Object& object : trace.objects) sizes.push_back(object.bytes);
    return sizes;
  }
};

TEST_F(TraceReaderTest, TextHasAKeyAndASizeOnEachLine) {
  const auto trace = ReadTrace(Plain("a.csv", "x,10\ny,20\nx,10\n"));
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_THAT(trace->requests, ElementsAre(0, 1, 0));
  EXPECT_THAT(Sizes(*trace), ElementsAre(10, 20));
  EXPECT_THAT(trace->name, EndsWith(".a"));
}

TEST_F(TraceReaderTest, KeysMayHaveCommasAndLinesAnyEnd) {
  const auto trace = ReadTrace(Plain("b.txt", "/a?b=1,2,10\r\n,7\n/a?b=1,2,10"));
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_THAT(trace->requests, ElementsAre(0, 1, 0));
  EXPECT_THAT(Sizes(*trace), ElementsAre(10, 7));
}

TEST_F(TraceReaderTest, AnObjectKeepsItsFirstSize) {
  const auto trace = ReadTrace(Plain("c.csv", "x,10\nx,99\n"));
  ASSERT_TRUE(trace.ok());
  EXPECT_EQ(trace->DistinctBytes(), 10);
}

TEST_F(TraceReaderTest, ObjectsWithoutSizesCountAKibibyte) {
  const auto trace = ReadTrace(Plain("d.csv", "x,1\ny,1\n"));
  ASSERT_TRUE(trace.ok());
  EXPECT_THAT(Sizes(*trace), ElementsAre(1024, 1024));
}

TEST_F(TraceReaderTest, GzipdTextIsUnpackedOnTheWay) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) absl::StrAppend(&text, "key-", i, ",", i + 2, "\n");
  const auto trace = ReadTrace(Packed("e.csv.gz", text));
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(trace->requests.size(), 100'000);
  EXPECT_EQ(trace->objects.back().bytes, 100'001);
}

TEST_F(TraceReaderTest, OracleGeneralHasObjectsAndSizesInRecords) {
  const std::string records = Record(1ull << 40, 300) + Record(5, 70'000) + Record(1ull << 40, 300);
  for (const std::string& path :
       {Plain("f.oracleGeneral", records), Packed("f.oracleGeneral.bin.gz", records),
        Plain("told-by-its-bytes", records)}) {
    const auto trace = ReadTrace(path);
    ASSERT_TRUE(trace.ok()) << trace.status();
    EXPECT_THAT(trace->requests, ElementsAre(0, 1, 0)) << path;
    EXPECT_THAT(Sizes(*trace), ElementsAre(300, 70'000)) << path;
  }
}

TEST_F(TraceReaderTest, TextWithoutAnExtensionIsToldByItsBytes) {
  const auto trace = ReadTrace(Plain("plain", "x,10\n"));
  ASSERT_TRUE(trace.ok());
  EXPECT_EQ(trace->requests.size(), 1);
}

TEST_F(TraceReaderTest, AnErrorNamesFileAndLine) {
  const std::string path = Plain("g.csv", "x,10\nno size\n");
  EXPECT_EQ(Error(path), path + ":2: no comma in \"no size\"; want key,size");
}

TEST_F(TraceReaderTest, WhatIsNoSizeIsRefused) {
  for (const std::string size : {"", "ten", "-1", "1.5", "4294967296", "99999999999999999999"}) {
    EXPECT_THAT(Error(Plain("h.csv", "x," + size + "\n")),
                HasSubstr(":1: \"" + size + "\" is not"));
  }
}

TEST_F(TraceReaderTest, AnEmptyLineIsRefused) {
  EXPECT_THAT(Error(Plain("i.csv", "x,1\n\ny,1\n")), HasSubstr(":2: no comma"));
}

TEST_F(TraceReaderTest, ARecordCutShortIsRefused) {
  const std::string path = Plain("j.oracleGeneral", Record(1, 1) + "short");
  EXPECT_EQ(Error(path), path + ": record 2 has 5 bytes of 24");
}

TEST_F(TraceReaderTest, AGzipStreamCutShortIsRefused) {
  const std::string packed = Packed("k.csv.gz", std::string(100'000, 'x') + ",1\n");
  std::ifstream file(packed, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const std::string cut = Plain("l.csv.gz", bytes.substr(0, bytes.size() - 20));
  EXPECT_THAT(Error(cut), HasSubstr("ends within its gzip stream"));
}

TEST_F(TraceReaderTest, ZstdIsRefusedWithTheCure) {
  EXPECT_THAT(Error(Plain("m.zst", "\x28\xb5\x2f\xfdrest")), HasSubstr("zstd; unpack it first"));
}

TEST_F(TraceReaderTest, AnEmptyFileIsRefused) {
  EXPECT_THAT(Error(Plain("n.csv", "")), EndsWith(": empty"));
}

TEST_F(TraceReaderTest, AFileThatIsNotThereIsRefused) {
  EXPECT_THAT(Error(Path("nowhere.csv")), HasSubstr("No such file"));
}

TEST_F(TraceReaderTest, AFolderIsRefused) { EXPECT_FALSE(ReadTrace(::testing::TempDir()).ok()); }

}  // namespace
}  // namespace singleflight::bench
