#include "tests/bench/eviction/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace singleflight::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Error(const std::string& argument) {
  return std::string(ParseOptions({argument}).status().message());
}

TEST(OptionsTest, WithoutArgumentsEverythingBuiltInIsServed) {
  const auto options = ParseOptions({});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->policies.size(), AllPolicies().size());
  EXPECT_EQ(options->workloads.size(), AllWorkloads().size());
  EXPECT_THAT(options->sizes, ElementsAre(0.1, 0.3, 1, 3, 10));
}

TEST(OptionsTest, TracesAreServedWithoutTheWorkloadsThatNobodyNames) {
  const auto options = ParseOptions({"a.csv", "b.csv", "--policy=product,lru", "--size=2,5"});
  ASSERT_TRUE(options.ok());
  EXPECT_THAT(options->files, ElementsAre("a.csv", "b.csv"));
  EXPECT_THAT(options->workloads, IsEmpty());
  EXPECT_STREQ(options->policies.front().name, "product");
  EXPECT_THAT(options->sizes, ElementsAre(2, 5));
}

TEST(OptionsTest, MistakesNameTheArgumentAndTheCure) {
  EXPECT_THAT(Error("--policy=fifo"), HasSubstr("--policy=fifo: there is no 'fifo'; choose from"));
  EXPECT_THAT(Error("--workload="), HasSubstr("choose from all, zipf-0.7"));
  EXPECT_THAT(Error("--size=0"), HasSubstr("'0' is not a size"));
  EXPECT_THAT(Error("--size=101"), HasSubstr("'101' is not a size"));
  EXPECT_THAT(Error("--requests=many"), HasSubstr("'many' is not a number"));
  EXPECT_THAT(Error("--jsn"), HasSubstr("--jsn: unknown; see --help"));
}

TEST(OptionsTest, TheHelpNamesEveryPolicyAndWorkload) {
  for (const PolicyKind& kind : AllPolicies()) EXPECT_THAT(HelpText(), HasSubstr(kind.name));
  for (const Workload& load : AllWorkloads()) EXPECT_THAT(HelpText(), HasSubstr(load.about));
}

}  // namespace
}  // namespace singleflight::bench
