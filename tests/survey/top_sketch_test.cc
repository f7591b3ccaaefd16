// The bounds of the sketch's sums, for one worker and merged.

#include "server/survey/top_sketch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "server/survey/top_keys.h"

namespace singleflight::survey {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kMethod[] = "/shop.Catalog/Get";

// A sketch beside the truth.
class Watched {
 public:
  void Add(uint64_t key, uint64_t amount = 1) {
    sketch_.Add(key, kMethod, amount, 1);
    truth_[key] += amount;
    sum_ += amount;
  }
  // Calls of which few keys have most.
  void AddSkewed(uint64_t seed, int calls) {
    std::mt19937_64 dice(seed);
    std::exponential_distribution<double> skewed(0.02);
    for (int i = 0; i < calls; ++i) Add(static_cast<uint64_t>(skewed(dice)) * 7919);
  }
  const TopSketch& sketch() const { return sketch_; }
  const std::map<uint64_t, uint64_t>& truth() const { return truth_; }
  uint64_t sum() const { return sum_; }

 private:
  TopSketch sketch_;
  std::map<uint64_t, uint64_t> truth_;
  uint64_t sum_ = 0;
};

TEST(TopSketchTest, FewKeysAreCountedExactly) {
  Watched watched;
  for (uint64_t key = 1; key <= TopSketch::kKeys; ++key) {
    for (uint64_t i = 0; i < key; ++i) watched.Add(key);
  }
  const std::vector<TopKey> top = Merged({watched.sketch().Sums()});
  ASSERT_THAT(top, SizeIs(TopSketch::kKeys));
  EXPECT_EQ(top.front().key, TopSketch::kKeys);
  EXPECT_EQ(top.front().method, kMethod);
  for (const TopKey& key : top) {
    EXPECT_EQ(key.count, key.key);
    EXPECT_EQ(key.error, 0);
  }
}

TEST(TopSketchTest, NoSumIsTooSmallNorTooLargeByMoreThanItsExcess) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    Watched watched;
    watched.AddSkewed(seed, 20'000);
    for (const TopSketch::Sum& sum : watched.sketch().Sums()) {
      EXPECT_GE(sum.sum, watched.truth().at(sum.key));
      EXPECT_LE(sum.sum - sum.excess, watched.truth().at(sum.key));
      EXPECT_LE(sum.excess, watched.sum() / TopSketch::kKeys);
    }
  }
}

TEST(TopSketchTest, WhoHasALargeShareIsThere) {
  Watched watched;
  watched.AddSkewed(3, 50'000);
  std::map<uint64_t, uint64_t> sums;
  for (const TopSketch::Sum& sum : watched.sketch().Sums()) sums[sum.key] = sum.sum;
  for (const auto& [key, count] : watched.truth()) {
    if (count > watched.sum() / TopSketch::kKeys) {
      EXPECT_TRUE(sums.contains(key)) << key << " has " << count;
    }
  }
}

TEST(TopSketchTest, OfSeveralWorkersTheBoundsHoldToo) {
  Watched a, b;
  a.AddSkewed(1, 20'000);
  b.AddSkewed(2, 10'000);
  for (int i = 0; i < 3000; ++i) b.Add(1);  // which only one of them has
  const std::vector<TopKey> top = Merged({a.sketch().Sums(), b.sketch().Sums()});
  for (const TopKey& key : top) {
    uint64_t truth = 0;
    for (const Watched* watched : {&a, &b}) {
      const auto found = watched->truth().find(key.key);
      if (found != watched->truth().end()) truth += found->second;
    }
    EXPECT_GE(key.count, truth);
    EXPECT_LE(key.count - key.error, truth);
  }
  EXPECT_EQ(top.front().key, 1);
  for (size_t i = 1; i < top.size(); ++i) EXPECT_LE(top[i].count, top[i - 1].count);
}

TEST(TopSketchTest, OfASampleTheErrorIsTwoStandardDeviations) {
  TopSketch sketch;
  for (int i = 0; i < 100; ++i) sketch.Add(1, kMethod, 1, 64);
  const std::vector<TopKey> top = Merged({sketch.Sums()});
  EXPECT_EQ(top.front().count, 6400);
  EXPECT_NEAR(static_cast<double>(top.front().error), 2 * std::sqrt(100 * 64 * 63), 1);
}

TEST(TopSketchTest, LongMethodsAreCut) {
  TopSketch sketch;
  sketch.Add(1, "/" + std::string(100'000, 'a'), 1, 1);
  EXPECT_THAT(sketch.Sums().front().method, SizeIs(TopSketch::kLongestMethod));
}

TEST(TopSketchTest, AFloodOfKeysTakesNoMoreRoom) {
  TopSketch sketch;
  for (uint64_t key = 0; key < 10'000; ++key) sketch.Add(key, kMethod, 1, 1);
  EXPECT_THAT(sketch.Sums(), SizeIs(TopSketch::kKeys));
}

TEST(TopKeysTest, CallsAndSavedBytesAreSummedApart) {
  TopKeys top;
  EXPECT_THAT(top.Sums(TopBy::kCalls), IsEmpty());
  top.AddCalls(1, kMethod, 0, 1);
  top.AddCalls(1, kMethod, 100, 64);
  top.AddSaved(1, kMethod, 50);
  top.AddSaved(2, kMethod, 10);
  ASSERT_THAT(top.Sums(TopBy::kCalls), SizeIs(1));
  EXPECT_EQ(top.Sums(TopBy::kCalls)[0].sum, 65);
  const std::vector<TopKey> saved = Merged({top.Sums(TopBy::kSavedBytes)});
  ASSERT_THAT(saved, SizeIs(2));
  EXPECT_EQ(saved[0].count, 6450);
  EXPECT_EQ(saved[1].count, 10);
}

}  // namespace
}  // namespace singleflight::survey
