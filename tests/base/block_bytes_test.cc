#include "server/base/block_bytes.h"

#include <gtest/gtest.h>

namespace singleflight::base {
namespace {

TEST(BlockBytesTest, AnAllocationTakesTheNextSizeThatMallocHas) {
  const struct {
    size_t asked, taken;
  } cases[] = {{0, 0},       {1, 16},        {16, 16},       {17, 32},          {128, 128},
               {129, 160},   {1000, 1024},   {1024, 1024},   {1025, 1280},      {4096, 4096},
               {4102, 5120}, {16393, 20480}, {65541, 81920}, {1 << 20, 1 << 20}};
  for (const auto& [asked, taken] : cases) EXPECT_EQ(BlockBytes(asked), taken) << asked;
}

TEST(BlockBytesTest, AShortStringHasAllocatedNothing) {
  EXPECT_EQ(BlockBytesOf("short"), 0u);
  EXPECT_EQ(BlockBytesOf(std::string(1000, 'x')), 1024u);
}

}  // namespace
}  // namespace singleflight::base
