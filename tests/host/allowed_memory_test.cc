#include "server/host/allowed_memory.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace singleflight::host {
namespace {

constexpr uint64_t kHundredMegabytes = 100'000'000;

// A hierarchy of control groups in a folder of its own.
class AllowedMemoryTest : public ::testing::Test {
 protected:
  AllowedMemoryTest() {
    std::string name =
        (std::filesystem::temp_directory_path() / "allowed_memory_test_XXXXXX").string();
    root_ = mkdtemp(name.data());
  }
  ~AllowedMemoryTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  uint64_t Allowed() { return AllowedMemory(root_.string(), (root_ / "self").string()); }

  std::filesystem::path root_;
};

TEST_F(AllowedMemoryTest, WithoutAnyLimitItIsWhatTheMachineHas) {
  const uint64_t without = Allowed();
  EXPECT_GT(without, kHundredMegabytes);
  for (const char* nonsense : {"max", "", "much", "-1", "0"}) {
    Write("memory.max", nonsense);
    EXPECT_EQ(Allowed(), without) << nonsense;
  }
}

TEST_F(AllowedMemoryTest, TheLimitOfTheOwnGroupHolds) {
  Write("self", "0::/pod/container\n");
  Write("pod/container/memory.max", "100000000\n");
  EXPECT_EQ(Allowed(), kHundredMegabytes);
}

TEST_F(AllowedMemoryTest, TheLeastOfAllGroupsAboveHolds) {
  Write("self", "1:name=systemd:/x\n0::/slice/pod/container\n");
  Write("slice/memory.max", "300000000\n");
  Write("slice/pod/memory.max", "100000000\n");
  Write("slice/pod/container/memory.max", "max\n");
  EXPECT_EQ(Allowed(), kHundredMegabytes);
}

TEST_F(AllowedMemoryTest, WhereTheGroupIsSlowedDownIsALimitAsWell) {
  Write("self", "0::/pod\n");
  Write("pod/memory.max", "300000000\n");
  Write("pod/memory.high", "100000000\n");
  EXPECT_EQ(Allowed(), kHundredMegabytes);
}

TEST_F(AllowedMemoryTest, InANamespaceOfItsOwnTheRootIsTheGroup) {
  Write("self", "0::/\n");
  Write("memory.max", "100000000\n");
  EXPECT_EQ(Allowed(), kHundredMegabytes);
}

TEST_F(AllowedMemoryTest, ALimitOfTheFirstVersionHoldsForTheGroupsBelow) {
  Write("self", "4:memory,hugetlb:/pod/container\n0::/\n");
  Write("memory/pod/memory.limit_in_bytes", "100000000\n");
  Write("memory/pod/container/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(Allowed(), kHundredMegabytes);
}

TEST_F(AllowedMemoryTest, ALimitOfTheFirstVersionIsFoundWhereAContainerSeesIt) {
  Write("self", "4:memory:/kubepods/pod7\n");  // not mounted by that name
  Write("memory/memory.limit_in_bytes", "100000000\n");
  EXPECT_EQ(Allowed(), kHundredMegabytes);
}

TEST_F(AllowedMemoryTest, AGroupBesideTheOwnDoesNotMatter) {
  Write("self", "0::/pod/container\n");
  Write("pod/other/memory.max", "100000000\n");
  EXPECT_GT(Allowed(), kHundredMegabytes);
}

TEST_F(AllowedMemoryTest, TheLimitOfTheProcessHolds) {
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_DATA, &before), 0);
  rlimit lower = before;
  lower.rlim_cur = uint64_t{3} << 30;  // more than a test needs
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &lower), 0);
  EXPECT_LE(Allowed(), lower.rlim_cur);
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &before), 0);
}

}  // namespace
}  // namespace singleflight::host
