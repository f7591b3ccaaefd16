// A store in which much happens in no order: what it counts is what is there.

#include <random>

#include "tests/cache/store_steps.h"
#include "tests/testing/steps_of_one_thread.h"

namespace singleflight::cache {
namespace {

constexpr uint64_t kKeys = 200;
constexpr int kSteps = testing::StepsOfOneThread(300'000);

class StoreRandomTest : public ::testing::TestWithParam<StoreOptions> {};

TEST_P(StoreRandomTest, BytesAndGroupsAddUpWithinTheirBoundAndNothingPurgedIsFound) {
  StoreSteps steps(GetParam(), kKeys,
                   [random = std::mt19937_64(7)](uint64_t n) mutable { return random() % n; });
  for (int step = 0; step < kSteps; ++step) {
    steps.Step();
    steps.CheckBounds();
    if (step % 64 == 0) steps.CheckSum();
    if (HasFailure()) FAIL() << "at step " << step;
  }
  for (const uint64_t count : steps.store().TakeCensus().gone) EXPECT_GT(count, 100);
  steps.Empty();
}

std::string NameOfOptions(const ::testing::TestParamInfo<StoreOptions>& info) {
  return info.index == 0 ? "WithOneShard" : "WithEightShards";
}

INSTANTIATE_TEST_SUITE_P(AStore, StoreRandomTest,
                         ::testing::Values(StoreOptions{64 << 10, 8 << 10},
                                           StoreOptions{80 << 10, 1 << 10}),
                         NameOfOptions);

}  // namespace
}  // namespace singleflight::cache
