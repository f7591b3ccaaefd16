#include "server/metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace singleflight::metrics {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RegistryTest : public ::testing::Test {
 protected:
  void Count(const std::string& name, Labels labels, uint64_t value) {
    registry_.Add([=](Visitor& visitor) { visitor.Count(name, "Help.", labels, value); });
  }
  void Level(const std::string& name, int64_t value) {
    registry_.Add([=](Visitor& visitor) { visitor.Level(name, "Help.", {}, value); });
  }
  void Distribution(const PowerHistogram& histogram) {
    registry_.Add([&](Visitor& visitor) { visitor.Distribution("d", "Help.", {}, histogram); });
  }

  Registry registry_;
};

TEST_F(RegistryTest, ARegistryWithoutSourcesShowsNothing) { EXPECT_EQ(registry_.Render(), ""); }

TEST_F(RegistryTest, ACounterIsShownInTheTextFormat) {
  Count("calls_total", {{"route", "r1"}}, 5);
  EXPECT_EQ(registry_.Render(),
            "# HELP calls_total Help.\n# TYPE calls_total counter\ncalls_total{route=\"r1\"} 5\n");
}

TEST_F(RegistryTest, WorkersAreSummed) {
  for (uint64_t worker = 1; worker <= 3; ++worker) Count("calls_total", {}, worker);
  for (int64_t worker : {5, -2, -4}) Level("open", worker);
  EXPECT_THAT(registry_.Render(), AllOf(HasSubstr("\ncalls_total 6\n"), HasSubstr("\nopen -1\n")));
}

TEST_F(RegistryTest, DifferentLabelsAreKeptApart) {
  Count("calls_total", {{"route", "r1"}}, 1);
  Count("calls_total", {{"route", "r2"}}, 2);
  EXPECT_THAT(registry_.Render(),
              AllOf(HasSubstr("{route=\"r1\"} 1\n"), HasSubstr("{route=\"r2\"} 2\n")));
}

TEST_F(RegistryTest, AFamilyIsDescribedOnceHoweverManyMetricsItHas) {
  Count("calls_total", {{"route", "r1"}}, 1);
  Level("open", 1);
  Count("calls_total", {{"route", "r2"}}, 2);
  const std::string text = registry_.Render();
  EXPECT_EQ(text.find("# TYPE calls_total"), text.rfind("# TYPE calls_total"));
}

TEST_F(RegistryTest, ACounterBeyondAMillionIsShownInFull) {
  Count("calls_total", {}, 1'234'567'891);
  EXPECT_THAT(registry_.Render(), HasSubstr("\ncalls_total 1234567891\n"));
}

TEST_F(RegistryTest, BucketsAreCumulativeAndEndWithTheCount) {
  PowerHistogram histogram;
  for (uint64_t value : {1, 3, 3, 70'000}) histogram.Observe(value);
  Distribution(histogram);
  EXPECT_THAT(registry_.Render(),
              AllOf(HasSubstr("d_bucket{le=\"1\"} 1\n"), HasSubstr("d_bucket{le=\"4\"} 3\n"),
                    HasSubstr("d_bucket{le=\"65536\"} 3\n"), HasSubstr("d_bucket{le=\"+Inf\"} 4\n"),
                    HasSubstr("d_count 4\n"), HasSubstr("d_sum 70007\n")));
}

TEST_F(RegistryTest, TheHistogramsOfWorkersAreSummed) {
  PowerHistogram one, two;
  one.Observe(1);
  two.Observe(2);
  two.Observe(70'000);
  Distribution(one);
  Distribution(two);
  EXPECT_THAT(registry_.Render(),
              AllOf(HasSubstr("d_bucket{le=\"1\"} 1\n"), HasSubstr("d_bucket{le=\"4\"} 2\n"),
                    HasSubstr("d_bucket{le=\"+Inf\"} 3\n"), HasSubstr("d_sum 70003\n")));
}

TEST_F(RegistryTest, OddBytesInALabelAreEscaped) {
  Count("calls_total", {{"route", "a\"b\\c\nd"}}, 1);
  EXPECT_THAT(registry_.Render(), HasSubstr("{route=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

TEST_F(RegistryTest, ShowsTheValuesOfTheMomentAtEveryRendering) {
  Counter counter;
  registry_.Add([&](Visitor& visitor) { visitor.Count("c_total", "Help.", {}, counter.value()); });
  counter.Add(3);
  EXPECT_THAT(registry_.Render(), HasSubstr("\nc_total 3\n"));
  counter.Add(1);
  EXPECT_THAT(registry_.Render(), HasSubstr("\nc_total 4\n"));
}

}  // namespace
}  // namespace singleflight::metrics
