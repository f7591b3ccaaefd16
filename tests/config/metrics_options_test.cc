// `metrics`: what is read, and what is refused.

#include "tests/config/files.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string WithBuckets(const std::string& list) {
  return WithOption("metrics: {latency_buckets: " + list + "}");
}

TEST(MetricsOptionsTest, WithoutALineTheDefaultsHold) {
  const std::vector<double> buckets = Right(WithOption("")).metrics.latency_buckets;
  EXPECT_EQ(buckets.front(), 0.00005);
  EXPECT_EQ(buckets.back(), 60);
}

TEST(MetricsOptionsTest, BucketsAreRead) {
  EXPECT_THAT(Right(WithBuckets("[0.001, 0.5, 10]")).metrics.latency_buckets,
              ElementsAre(0.001, 0.5, 10));
}

TEST(MetricsOptionsTest, MistakesAreNamed) {
  EXPECT_THAT(MistakesIn(WithBuckets("[]")), ElementsAre(HasSubstr("latency_buckets")));
  EXPECT_THAT(MistakesIn(WithBuckets("[1, 1]")),
              ElementsAre(HasSubstr("each more than the one before it")));
  EXPECT_THAT(MistakesIn(WithBuckets("[1ms]")),
              ElementsAre(HasSubstr("\"1ms\" is no next bound; write seconds")));
  EXPECT_THAT(MistakesIn(WithBuckets("[0]")), ElementsAre(HasSubstr("0.000001 to 3600")));
  EXPECT_THAT(MistakesIn(WithBuckets("[nan]")), ElementsAre(HasSubstr("is no next bound")));
  EXPECT_THAT(MistakesIn(WithBuckets("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]")),
              ElementsAre(HasSubstr("has 21 bounds; write 1 to 20")));
}

}  // namespace
}  // namespace singleflight::config
