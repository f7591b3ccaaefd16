#include "server/trace/sampling.h"

#include <gtest/gtest.h>

namespace singleflight::trace {
namespace {

// A trace of that id in its last seven bytes.
model::SpanRef TraceOf(uint64_t random) {
  model::SpanRef span;
  span.trace[0] = 1;
  for (size_t i = 15; i >= 9; --i) {
    span.trace[i] = static_cast<uint8_t>(random);
    random >>= 8;
  }
  return span;
}

TEST(SamplingTest, SharesAreReadWithUpToFourDecimals) {
  EXPECT_EQ(ParseSampling("parent")->share, 0);
  EXPECT_EQ(ParseSampling("100%")->share, Sampling::kAll);
  EXPECT_EQ(ParseSampling("50%")->share, Sampling::kAll / 2);
  EXPECT_EQ(ParseSampling("0.5%")->share, Sampling::kAll / 200);
  EXPECT_EQ(ParseSampling("0.0001%")->share, Sampling::kAll / 1000000);
}

TEST(SamplingTest, WhatIsNoShareIsRefused) {
  for (const char* text : {"", "%", "1", "0%", "0.0%", "100.1%", "1000%", "-1%", "+1%", "1.%",
                           ".5%", "1.00001%", "1 %", "1e1%", "always", "Parent"}) {
    EXPECT_FALSE(ParseSampling(text).has_value()) << text;
  }
}

TEST(SamplingTest, TheTraceIdDecidesAndTheLargestAreTaken) {
  const Sampling half = *ParseSampling("50%");
  EXPECT_FALSE(half.Takes(TraceOf(0)));
  EXPECT_FALSE(half.Takes(TraceOf(Sampling::kAll / 2 - 1)));
  EXPECT_TRUE(half.Takes(TraceOf(Sampling::kAll / 2)));
  EXPECT_TRUE(half.Takes(TraceOf(Sampling::kAll - 1)));
}

TEST(SamplingTest, AllIsAllAndNoneIsNone) {
  EXPECT_TRUE(ParseSampling("100%")->Takes(TraceOf(0)));
  EXPECT_FALSE(ParseSampling("parent")->Takes(TraceOf(Sampling::kAll - 1)));
}

}  // namespace
}  // namespace singleflight::trace
