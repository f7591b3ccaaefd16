// When a configuration is read again.

#include "server/app/reloader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

namespace singleflight::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRight[] =
    "listeners: [{address: 127.0.0.1:0}]\n"
    "upstreams: [{name: b, target: h:1}]\n"
    "routes: [{upstream: b}]\n";

class ReloaderTest : public ::testing::Test {
 protected:
  static std::filesystem::path NewFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "reloader_test_XXXXXX").string();
    return mkdtemp(name.data());
  }
  ReloaderTest() { std::ofstream(path_) << kRight; }
  ~ReloaderTest() override {
    reloader_.Stop();
    control_.poll();
    std::filesystem::remove_all(folder_);
  }

  // Serves the loop until the configuration was tried so often.
  void WaitForTries(int n) {
    for (int i = 0; tries_ < n && i < 45; ++i) control_.run_one_for(std::chrono::seconds(1));
    ASSERT_GE(tries_, n);
  }

  const std::filesystem::path folder_ = NewFolder();
  const std::filesystem::path path_ = folder_ / "f.yaml";
  boost::asio::io_context control_;
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1000);
  absl::Status answer_ = absl::OkStatus();
  int tries_ = 0;
  Reloader reloader_{control_,
                     path_,
                     [this] { return now_ -= absl::Hours(1); },  // it is being set back
                     [this](const config::Config&) {
                       ++tries_;
                       return answer_;
                     },
                     {},
                     absl::Milliseconds(10)};
};

TEST_F(ReloaderTest, WhatWasRefusedIsTriedAgainHoweverTheWallClockJumps) {
  reloader_.Begin(*config::LoadFile(path_));
  answer_ = absl::UnavailableError("the port is taken");
  reloader_.Reload("a test");
  EXPECT_EQ(tries_, 1);
  WaitForTries(3);
  answer_ = absl::OkStatus();
  WaitForTries(4);
  EXPECT_EQ(reloader_.Status().find("refused"), std::string::npos);
}

TEST_F(ReloaderTest, WhatWasAppliedIsNotTriedAgain) {
  reloader_.Begin(*config::LoadFile(path_));
  answer_ = absl::UnavailableError("the port is taken");
  reloader_.Reload("a test");
  answer_ = absl::OkStatus();
  reloader_.Reload("a test");
  control_.run_for(std::chrono::milliseconds(50));
  EXPECT_EQ(tries_, 2);
}

TEST_F(ReloaderTest, PeopleAreToldWhatWasRefusedUntilSomethingIsApplied) {
  reloader_.Begin(*config::LoadFile(path_));
  answer_ = absl::UnavailableError("the port is taken");
  reloader_.Reload("a test");
  EXPECT_THAT(reloader_.Status(), HasSubstr("\nrefused since 1970-"));
  EXPECT_THAT(reloader_.Status(), HasSubstr(":\n" + path_.string() + ": the port is taken\n"));
  answer_ = absl::OkStatus();
  reloader_.Reload("a test");
  EXPECT_THAT(reloader_.Status(), Not(HasSubstr("refused")));
}

TEST_F(ReloaderTest, OnceItIsStoppedNothingIsTriedAgain) {
  reloader_.Begin(*config::LoadFile(path_));
  answer_ = absl::UnavailableError("the port is taken");
  reloader_.Reload("a test");
  reloader_.Stop();
  control_.run();
  EXPECT_EQ(tries_, 1);
}

}  // namespace
}  // namespace singleflight::app
