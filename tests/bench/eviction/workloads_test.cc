#include "tests/bench/eviction/workloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/bench/eviction/simulation.h"

namespace singleflight::bench {
namespace {

class WorkloadsTest : public ::testing::TestWithParam<Workload> {
 protected:
  static Trace Make(size_t requests, uint64_t seed) {
    return GetParam().make(GetParam(), requests, seed);
  }
};

TEST_P(WorkloadsTest, ASeedDecidesEverything) {
  const Trace first = Make(1000, 1);
  EXPECT_EQ(first.requests.size(), 1000);
  EXPECT_EQ(Make(1000, 1).requests, first.requests);
  EXPECT_NE(Make(1000, 2).requests, first.requests);
}

TEST_P(WorkloadsTest, TheProductIsAboveLruAtEverySize) {
  const std::vector<PolicyKind> policies = {{"lru", MakeLru}, {"product", MakeProduct}};
  const Trace trace = Make(50'000, 1);
  for (const double size : {0.3, 1.0, 3.0, 10.0}) {
    const Row row = SimulateRow(trace, size, policies);
    EXPECT_GT(row.columns[1].requests, row.columns[0].requests) << "at " << size << " %";
  }
}

INSTANTIATE_TEST_SUITE_P(Workloads, WorkloadsTest, ::testing::ValuesIn(AllWorkloads()),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (char& c : name) c = c == '-' || c == '.' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace singleflight::bench
