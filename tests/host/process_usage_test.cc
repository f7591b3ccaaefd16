#include "server/host/process_usage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/host/process.h"

namespace singleflight::host {
namespace {

TEST(ProcessUsageTest, TheSystemSaysAllOfIt) {
  const ProcessUsage usage = TakeUsage();
  EXPECT_GT(usage.cpu_seconds, 0);
  EXPECT_GT(usage.virtual_bytes, static_cast<int64_t>(ResidentBytes()));
  EXPECT_GT(usage.started_at, 1'600'000'000) << "in 2020";
}

TEST(ProcessUsageTest, ADescriptorMoreIsCounted) {
  const int64_t before = TakeUsage().open_descriptors;
  const int descriptor = ::open("/dev/null", O_RDONLY);
  EXPECT_EQ(TakeUsage().open_descriptors, before + 1);
  ::close(descriptor);
  EXPECT_EQ(TakeUsage().open_descriptors, before);
}

}  // namespace
}  // namespace singleflight::host
