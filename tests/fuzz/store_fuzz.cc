// The machine of tests/cache/store_random_test.cc on 16 keys, whose choices are the input's.

#include "server/base/check.h"
#include "tests/cache/store_steps.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace singleflight;
  fuzz::Input input(data, size);
  // Of one shard; so small that a few replies fill it, or not.
  const cache::StoreOptions options{input.Chance() ? 16u << 10 : 8u << 10, 4 << 10};
  cache::StoreSteps steps(options, 16, [&](uint64_t below) { return input.Below(below); });
  for (int step = 0; !input.empty(); ++step) {
    steps.Step();
    steps.CheckBounds();
    if (step % 8 == 0) steps.CheckSum();
    SF_CHECK(!::testing::Test::HasFailure());
  }
  steps.CheckSum();
  steps.Empty();
  SF_CHECK(!::testing::Test::HasFailure());
  return 0;
}
