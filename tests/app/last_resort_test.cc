// Work that ends in time, and work that does not.

#include "server/app/last_resort.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace singleflight::app
