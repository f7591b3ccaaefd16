// The level of the log. tests/e2e/log_test.cc has what it writes.

#include "server/app/log.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "absl/strings/match.h"

namespace singleflight::app {
namespace {

using config::LogLevel;

class LogTest : public ::testing::Test {
 protected:
  LogTest() { ::testing::internal::CaptureStderr(); }

  // Nothing more is logged.
  std::string Logged() {
    log_.Drain(std::chrono::minutes(1));
    return ::testing::internal::GetCapturedStderr();
  }

  Log log_;
};

TEST_F(LogTest, ALevelHoldsUntilTheNextConfiguration) {
  log_.SetUp({.level = LogLevel::kWarning});
  spdlog::info("one");
  log_.SetLevel(LogLevel::kDebug);
  EXPECT_EQ(log_.level(), LogLevel::kDebug);
  spdlog::debug("two");
  log_.SetUp({.level = LogLevel::kWarning});
  EXPECT_EQ(log_.level(), LogLevel::kWarning);
  spdlog::info("three");
  const std::string logged = Logged();
  EXPECT_TRUE(absl::EndsWith(logged, " debug two\n")) << logged;
  EXPECT_FALSE(absl::StrContains(logged, "one")) << logged;
}

TEST_F(LogTest, AVoiceObeysTheLevel) {
  const Log::Voice voice = log_.voice();
  log_.SetUp({.level = LogLevel::kError});
  voice(LogLevel::kInfo, "one");
  voice(LogLevel::kError, "two");
  const std::string logged = Logged();
  EXPECT_TRUE(absl::EndsWith(logged, " error two\n")) << logged;
  EXPECT_FALSE(absl::StrContains(logged, "one")) << logged;
}

TEST(LogLevelTest, IsNamedAsTheConfigurationNamesIt) {
  for (const char* name : {"debug", "info", "warning", "error"}) {
    ASSERT_TRUE(LogLevelNamed(name).has_value()) << name;
    EXPECT_EQ(NameOf(*LogLevelNamed(name)), name);
  }
  EXPECT_FALSE(LogLevelNamed("trace").has_value());
  EXPECT_FALSE(LogLevelNamed("Info").has_value());
}

}  // namespace
}  // namespace singleflight::app
