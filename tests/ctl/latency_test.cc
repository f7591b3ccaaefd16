// Quantiles of histograms.

#include "server/ctl/latency.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "server/ctl/figures.h"

namespace singleflight::ctl {
namespace {

using admin::v1::Histogram;

// Up to 1 ms, 10 ms, 100 ms, and above.
Histogram Of(std::initializer_list<uint64_t> counts) {
  Histogram histogram;
  for (double bound : {0.001, 0.01, 0.1}) histogram.add_bounds(bound);
  for (uint64_t count : counts) histogram.add_counts(count);
  return histogram;
}

TEST(LatencyTest, AQuantileLiesWhereItsRankDoes) {
  EXPECT_EQ(Quantile(Of({0, 100, 0, 0}), 0.5), "5.5 ms");
  EXPECT_EQ(Quantile(Of({90, 0, 10, 0}), 0.99), "91.0 ms");
  EXPECT_EQ(Quantile(Of({1, 0, 0, 0}), 1), "1.0 ms");
}

TEST(LatencyTest, BeyondTheLastBoundItSaysSo) {
  EXPECT_EQ(Quantile(Of({0, 0, 0, 5}), 0.5), "> 100 ms");
}

TEST(LatencyTest, OfNothingThereIsNone) {
  EXPECT_EQ(Quantile(Of({0, 0, 0, 0}), 0.5), kNone);
  EXPECT_EQ(Quantile(Histogram(), 0.5), kNone);
  EXPECT_EQ(Quantile(Of({1, 2}), 0.5), kNone);  // fewer counts than bounds
}

TEST(LatencyTest, SumsAndDifferencesAreByBucket) {
  EXPECT_EQ(Quantile(Sum(Of({0, 100, 0, 0}), Of({300, 0, 0, 0})), 1), "10.0 ms");
  EXPECT_EQ(Quantile(Since(Of({500, 0, 0, 0}), Of({500, 100, 0, 0})), 0.5), "5.5 ms");
}

TEST(LatencyTest, WhatCannotBeComparedCountsFromTheStart) {
  Histogram other;
  EXPECT_EQ(Since(other, Of({1, 0, 0, 0})).counts(0), 1u);
  EXPECT_EQ(Since(Of({7, 0, 0, 0}), Of({1, 0, 0, 0})).counts(0), 1u);  // another process
  EXPECT_EQ(Sum(other, Of({1, 0, 0, 0})).counts(0), 1u);
}

}  // namespace
}  // namespace singleflight::ctl
