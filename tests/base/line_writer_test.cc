// Lines for whoever reads them, or nobody.

#include "server/base/line_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace singleflight::base {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::Gt;

constexpr std::chrono::milliseconds kLong(60000);
constexpr std::chrono::milliseconds kShort(1);

// A pipe, which may be as the system makes them or one that never lets its writer wait.
class LineWriterTest : public ::testing::TestWithParam<int> {
 protected:
  LineWriterTest() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::pipe(ends_), 0);
    ::fcntl(ends_[1], F_SETPIPE_SZ, 4096);
    ::fcntl(ends_[1], F_SETFL, GetParam());
  }
  ~LineWriterTest() override {
    StopReading();
    ::close(ends_[1]);
  }

  // So that it takes nothing more.
  void Fill() {
    ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    while (::write(ends_[1], "#\n", 2) > 0) {
    }
    ::fcntl(ends_[1], F_SETFL, GetParam());
  }

  void StopReading() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }

  // Lines up to the one that is `last`, without what filled the pipe.
  std::vector<std::string> ReadTo(const std::string& last) {
    std::string text;
    char buffer[512];
    while (!absl::EndsWith(text, absl::StrCat(last, "\n"))) {
      const ssize_t n = ::read(ends_[0], buffer, sizeof(buffer));
      if (n <= 0) break;
      text.append(buffer, static_cast<size_t>(n));
    }
    std::vector<std::string> lines;
    for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      if (line != "#") lines.emplace_back(line);
    }
    return lines;
  }

  static std::string Gap(uint64_t lines) { return absl::StrCat("missing ", lines, "\n"); }
  int out() const { return ends_[1]; }

 private:
  int ends_[2];
};

TEST_P(LineWriterTest, LinesComeInOrder) {
  LineWriter writer(out(), 1000, Gap);
  writer.Put("one\n");
  writer.Put("two\n");
  EXPECT_THAT(ReadTo("two"), ElementsAre("one", "two"));
  EXPECT_TRUE(writer.Drain(kLong));
  EXPECT_EQ(writer.dropped(), 0u);
}

TEST_P(LineWriterTest, WhereNobodyReadsTheOldestLinesGoAndTheirNumberStandsInTheirPlace) {
  Fill();
  LineWriter writer(out(), 40, Gap);
  for (int i = 100; i < 200; ++i) writer.Put(absl::StrCat("line ", i, "\n"));
  EXPECT_THAT(writer.dropped(), Gt(90u));
  int next = 100;  // whichever line the thread was writing when the others went
  for (absl::string_view line : ReadTo("line 199")) {
    int missing = 0;
    if (absl::ConsumePrefix(&line, "missing ") && absl::SimpleAtoi(line, &missing)) {
      next += missing;
    } else {
      EXPECT_EQ(line, absl::StrCat("line ", next++));
    }
  }
  EXPECT_EQ(next, 200) << "each line was written, or counted in its place";
}

TEST_P(LineWriterTest, DrainingEndsWhereNobodyReads) {
  Fill();
  LineWriter writer(out(), 1000, Gap);
  writer.Put("late\n");
  EXPECT_FALSE(writer.Drain(kShort));
  EXPECT_THAT(ReadTo("late"), ElementsAre("late"));
  EXPECT_TRUE(writer.Drain(kLong));
}

TEST_P(LineWriterTest, OneThatGoesWaitsForNobodyAndWhatItHadIsWrittenAllTheSame) {
  Fill();
  { LineWriter(out(), 1000, Gap).Put("last words\n"); }
  EXPECT_THAT(ReadTo("last words"), ElementsAre("last words"));
}

TEST_P(LineWriterTest, LinesThatCannotBeWrittenAreCounted) {
  StopReading();
  LineWriter writer(out(), 1000, Gap);
  writer.Put("one\n");
  writer.Put("two\n");
  EXPECT_TRUE(writer.Drain(kLong));
  EXPECT_EQ(writer.dropped(), 2u);
}

TEST_P(LineWriterTest, LinesThatWerePutTogetherAreCountedOneByOne) {
  Fill();
  auto lost = std::make_shared<std::atomic<uint64_t>>(0);
  {
    LineWriter writer(std::make_unique<DescriptorOutput>(out()), 40, Gap, lost);
    for (int i = 0; i < 100; ++i) writer.Put("one\ntwo\nthree\n");
    writer.Put("last\n");
    EXPECT_THAT(writer.dropped(), AllOf(Gt(290u), Eq(3 * (writer.dropped() / 3))));
    StopReading();
    EXPECT_TRUE(writer.Drain(kLong));
  }
  EXPECT_EQ(*lost, 301u) << "which is told beyond the writer's life";
}

INSTANTIATE_TEST_SUITE_P(Pipes, LineWriterTest, ::testing::Values(0, O_NONBLOCK));

// Tells what was asked of it.
class Recorder final : public LineOutput {
 public:
  explicit Recorder(std::vector<std::string>& heard) : heard_(heard) {}
  size_t Write(absl::string_view lines) override {
    heard_.emplace_back(lines);
    return lines.size();
  }
  void Reopen() override { heard_.emplace_back("reopen"); }

 private:
  std::vector<std::string>& heard_;
};

TEST(ReopenTest, ComesBeforeTheNextLineAndWaitsForNone) {
  std::vector<std::string> heard;
  {
    LineWriter writer(std::make_unique<Recorder>(heard), 1000,
                      [](uint64_t) { return "missing\n"; });
    writer.Put("one\n");
    EXPECT_TRUE(writer.Drain(kLong));
    writer.Reopen();
    EXPECT_TRUE(writer.Drain(kLong));
    writer.Put("two\n");
    EXPECT_TRUE(writer.Drain(kLong));
  }
  EXPECT_THAT(heard, ElementsAre("one\n", "reopen", "two\n"));
}

// What a pipe takes whole, another process does not write into.
TEST(DescriptorOutputTest, PiecesEndWithALine) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_DIRECT), 0);  // a packet a write
  std::string lines;
  while (lines.size() < 10000) absl::StrAppend(&lines, "line ", lines.size(), "\n");
  EXPECT_EQ(DescriptorOutput(ends[1]).Write(lines), lines.size());
  ::close(ends[1]);
  std::string text;
  char piece[PIPE_BUF];
  for (ssize_t n; (n = ::read(ends[0], piece, sizeof(piece))) > 0;) {
    EXPECT_EQ(piece[n - 1], '\n');
    text.append(piece, static_cast<size_t>(n));
  }
  EXPECT_EQ(text, lines);
  ::close(ends[0]);
}

}  // namespace
}  // namespace singleflight::base
