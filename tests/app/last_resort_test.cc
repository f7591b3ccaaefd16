// Work that ends in time, and work that does not.

#include "server/app/last_resort.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <latch>
#include <optional>

namespace singleflight::app {
namespace {

TEST(LastResortTest, WhatEndsInTimeNeverNeedsIt) {
  bool acted = false;
  {
    const LastResort end(std::chrono::hours(1), [&] { acted = true; });
  }
  EXPECT_FALSE(acted);
}

TEST(LastResortTest, WhatDoesNotEndIsEndedByIt) {
  std::latch stuck(1);
  const LastResort end(std::chrono::milliseconds(1), [&] { stuck.count_down(); });
  stuck.wait();
}

TEST(LastResortDeathTest, WhatHoldsUpTheLastResortAsWellIsEndedWithoutIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto hang = [] {
    while (true) ::pause();
  };
  EXPECT_EXIT(
      {
        const LastResort end(std::chrono::milliseconds(1), hang);
        hang();
      },
      ::testing::ExitedWithCode(1), "");
}

TEST(LastResortDeathTest, WorkThatEndsWhileTheLastResortIsHeldUpEndsAllTheSame) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::latch acts(1);
        const LastResort end(std::chrono::milliseconds(1), [&] {
          acts.count_down();
          while (true) ::pause();
        });
        acts.wait();
      },
      ::testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace singleflight::app
