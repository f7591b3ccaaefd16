#include "server/proxy/ration.h"

#include <gtest/gtest.h>

namespace singleflight::proxy {
namespace {

TEST(RationTest, WhatHappensOftenIsToldOnceASecondAndCounted) {
  Ration ration;
  const base::Instant begin = base::After(base::Instant(), absl::Hours(1));
  EXPECT_EQ(ration.Take(begin), 1u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(ration.Take(begin), 0u);
  EXPECT_EQ(ration.Take(base::After(begin, absl::Milliseconds(999))), 0u);
  EXPECT_EQ(ration.Take(base::After(begin, absl::Seconds(1))), 1002u);
  EXPECT_EQ(ration.Take(base::After(begin, absl::Seconds(3))), 1u) << "it is seldom again";
}

}  // namespace
}  // namespace singleflight::proxy
