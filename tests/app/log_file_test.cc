// A file that may be renamed, missing, full, or not ours.

#include "server/app/log_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"

namespace singleflight::app {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LogFileTest : public ::testing::Test {
 protected:
  LogFileTest() {
    std::string name = ::testing::TempDir() + "log_file_XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~LogFileTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path At(const std::string& name) const { return folder_ / name; }

  LogFile Open(const std::filesystem::path& path) {
    return LogFile(
        path,
        [this](config::LogLevel level, const std::string& text) {
          told_.push_back(absl::StrCat(NameOf(level), " ", text));
        },
        [this] { return now_; });
  }

  static std::string TextOf(const std::filesystem::path& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  std::vector<std::string> told_;
};

TEST_F(LogFileTest, IsMadeAndAppendedTo) {
  Open(At("a")).Write("one\n");
  Open(At("a")).Write("two\n");
  EXPECT_EQ(TextOf(At("a")), "one\ntwo\n");
  const auto mode = std::filesystem::status(At("a")).permissions();
  EXPECT_EQ(mode & std::filesystem::perms::others_all, std::filesystem::perms::none);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(LogFileTest, ARenamedFileIsLeftWhenItIsOpenedAgain) {
  LogFile file = Open(At("a"));
  file.Write("one\n");
  std::filesystem::rename(At("a"), At("a.1"));
  file.Write("two\n");
  file.Reopen();
  EXPECT_EQ(TextOf(At("a")), "") << "the new one is there before a line comes";
  file.Write("three\n");
  EXPECT_EQ(TextOf(At("a.1")), "one\ntwo\n");
  EXPECT_EQ(TextOf(At("a")), "three\n");
}

TEST_F(LogFileTest, AMissingFolderIsToldOnceAndThatItIsThereToo) {
  LogFile file = Open(At("logs/a"));
  EXPECT_EQ(file.Write("one\n"), 0u);
  EXPECT_EQ(file.Write("two\n"), 0u);
  EXPECT_THAT(told_, ElementsAre(HasSubstr("logs/a cannot be opened: No such file or directory")));
  std::filesystem::create_directory(At("logs"));
  EXPECT_EQ(file.Write("three\n"), 6u);
  EXPECT_EQ(TextOf(At("logs/a")), "three\n");
  EXPECT_THAT(told_.back(), EndsWith("logs/a is written again"));
}

TEST_F(LogFileTest, WhatStaysWrongIsToldFromTimeToTime) {
  LogFile file = Open("/dev/full");
  EXPECT_EQ(file.Write("one\n"), 0u);
  now_ += LogFile::kQuiet - absl::Seconds(1);
  EXPECT_EQ(file.Write("two\n"), 0u);
  EXPECT_THAT(told_,
              ElementsAre(HasSubstr("/dev/full cannot be written: No space left on device")));
  now_ += absl::Seconds(1);
  EXPECT_EQ(file.Write("three\n"), 0u);
  EXPECT_EQ(told_.size(), 2u);
}

TEST_F(LogFileTest, AFolderIsNoFile) {
  EXPECT_EQ(Open(folder_).Write("one\n"), 0u);
  EXPECT_THAT(told_, ElementsAre(HasSubstr("cannot be opened: Is a directory")));
}

// A disk that is full in the middle of a line, as far as the writer can tell.
TEST_F(LogFileTest, ALineThatWasCutOffDoesNotRunIntoTheNext) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &unlimited), 0);
  LogFile file = Open(At("a"));
  const rlimit six = {6, unlimited.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &six), 0);
  EXPECT_EQ(file.Write("one\ntwo\n"), 6u);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  EXPECT_EQ(file.Write("three\n"), 6u);
  EXPECT_EQ(TextOf(At("a")), "one\ntw\nthree\n");
}

}  // namespace
}  // namespace singleflight::app
