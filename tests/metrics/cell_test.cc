#include "server/metrics/cell.h"

#include <gtest/gtest.h>

namespace singleflight::metrics {
namespace {

TEST(CellTest, ACounterGrows) {
  Counter counter;
  counter.Add();
  counter.Add(4);
  EXPECT_EQ(counter.value(), 5);
}

TEST(CellTest, AGaugeGoesUpAndDown) {
  Gauge gauge;
  gauge.Add(2);
  gauge.Add(-3);
  EXPECT_EQ(gauge.value(), -1);
}

TEST(CellTest, RaisedHoldsAGaugeUpForAsLongAsItLives) {
  Gauge gauge;
  {
    const Raised raised(gauge);
    EXPECT_EQ(gauge.value(), 1);
  }
  EXPECT_EQ(gauge.value(), 0);
}

TEST(CellTest, ABucketHoldsWhatIsAtMostItsBound) {
  PowerHistogram histogram;
  for (uint64_t value : {0, 1, 2, 4, 5, 65536}) histogram.Observe(value);
  histogram.Observe(65537);
  EXPECT_EQ(histogram.bucket(0), 2);  // 0 and 1
  EXPECT_EQ(histogram.bucket(1), 2);  // 2 and 4
  EXPECT_EQ(histogram.bucket(2), 1);  // 5
  EXPECT_EQ(histogram.bucket(8), 1);  // 65536
  EXPECT_EQ(histogram.bucket(9), 1);  // above all bounds
  EXPECT_EQ(histogram.sum(), 12 + 65536 + 65537);
}

}  // namespace
}  // namespace singleflight::metrics
