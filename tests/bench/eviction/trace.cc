#include "tests/bench/eviction/trace.h"

#include <algorithm>
#include <utility>

namespace singleflight::bench {
namespace {

constexpr uint32_t kUnsized = 1024;

// SplitMix64: every bit of the index reaches every bit of the hash.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t Trace::DistinctBytes() const {
  uint64_t sum = 0;
  for (const Object& object : objects) sum += object.bytes;
  return sum;
}

void TraceBuilder::Add(absl::string_view key, uint32_t bytes) {
  const auto [found, added] = index_.try_emplace(key, trace_.objects.size());
  if (added) trace_.objects.push_back({Mix(found->second), bytes});
  trace_.requests.push_back(found->second);
}

Trace TraceBuilder::Build() && {
  const bool unsized = std::all_of(trace_.objects.begin(), trace_.objects.end(),
                                   [](const Object& object) { return object.bytes == 1; });
  for (Object& object : trace_.objects) {
    if (unsized) object.bytes = kUnsized;
  }
  return std::move(trace_);
}

}  // namespace singleflight::bench
