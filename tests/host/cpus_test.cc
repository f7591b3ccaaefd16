#include "server/host/cpus.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace singleflight::host {
namespace {

TEST(CpusOfQuotaTest, AQuotaIsItsShareOfThePeriod) {
  EXPECT_EQ(CpusOfQuota("150000 100000"), 1.5);
  EXPECT_EQ(CpusOfQuota("50000 100000\n"), 0.5);
  EXPECT_EQ(CpusOfQuota("400000 100000"), 4.0);
}

TEST(CpusOfQuotaTest, NoQuotaOrNonsenseIsNoLimit) {
  for (const char* text :
       {"", "max 100000", "max", "100000", "0 100000", "100000 0", "-1 100000", "a b", "1 2 3"}) {
    EXPECT_EQ(CpusOfQuota(text), absl::nullopt) << "'" << text << "'";
  }
}

// A hierarchy of control groups in a folder of its own.
class AllowedCpusTest : public ::testing::Test {
 protected:
  AllowedCpusTest() {
    std::string name = (std::filesystem::temp_directory_path() / "cpus_test_XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~AllowedCpusTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  int Allowed() { return AllowedCpus(root_.string(), (root_ / "self").string()); }

  static int Affinity() {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  }

  std::filesystem::path root_;
};

TEST_F(AllowedCpusTest, WithoutGroupsTheAffinityMaskDecides) { EXPECT_EQ(Allowed(), Affinity()); }

TEST_F(AllowedCpusTest, AQuotaIsRoundedUpToAWholeCpu) {
  Write("cpu.max", "10000 100000\n");
  EXPECT_EQ(Allowed(), 1);
}

TEST_F(AllowedCpusTest, AQuotaBeyondTheAffinityMaskAddsNoCpus) {
  Write("cpu.max", "99900000 100000\n");
  EXPECT_EQ(Allowed(), Affinity());
}

TEST_F(AllowedCpusTest, TheQuotaOfTheOwnGroupHolds) {
  Write("self", "0::/pod/container\n");
  Write("pod/container/cpu.max", "50000 100000\n");
  EXPECT_EQ(Allowed(), 1);
}

TEST_F(AllowedCpusTest, TheQuotaOfAGroupAboveHoldsAsWell) {
  Write("self", "1:cpu:/x\n0::/pod/container\n");
  Write("pod/container/cpu.max", "max 100000\n");
  Write("pod/cpu.max", "50000 100000\n");
  EXPECT_EQ(Allowed(), 1);
}

TEST_F(AllowedCpusTest, AGroupBesideTheOwnDoesNotMatter) {
  Write("self", "0::/pod/container\n");
  Write("pod/other/cpu.max", "50000 100000\n");
  EXPECT_EQ(Allowed(), Affinity());
}

TEST_F(AllowedCpusTest, AQuotaOfTheFirstVersionHolds) {
  Write("cpu/cpu.cfs_quota_us", "50000\n");
  Write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Allowed(), 1);
}

TEST_F(AllowedCpusTest, AQuotaOfTheFirstVersionHoldsForTheGroupsBelow) {
  Write("self", "3:cpu,cpuacct:/pod/container\n");
  Write("cpu/pod/cpu.cfs_quota_us", "50000\n");
  Write("cpu/pod/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Allowed(), 1);
}

TEST_F(AllowedCpusTest, NoQuotaOfTheFirstVersionIsNoLimit) {
  Write("cpu/cpu.cfs_quota_us", "-1\n");
  Write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Allowed(), Affinity());
}

}  // namespace
}  // namespace singleflight::host
