#include "server/cache/eviction_ghosts.h"

#include <algorithm>

namespace singleflight::cache {
namespace {

constexpr int kUnitBits =
    8;  // 32 bits of 256 bytes: a terabyte passes before a ghost seems young again

uint32_t Print(uint64_t hash) { return static_cast<uint32_t>(hash >> 32) | 1; }
uint32_t Units(uint64_t bytes) { return static_cast<uint32_t>(bytes >> kUnitBits); }

}  // namespace

void EvictionGhosts::Fit(size_t residents) {
  if (residents <= buckets_.size() * kWays) return;
  const size_t count = std::max<size_t>(1, buckets_.size() * 2);
  buckets_ = std::vector<Bucket>(count);
}

void EvictionGhosts::Add(uint64_t hash, uint64_t now) {
  if (buckets_.empty()) return;
  Bucket& bucket = BucketOf(hash);
  const uint32_t at = Units(now);
  Ghost& oldest = *std::max_element(
      std::begin(bucket.ghosts), std::end(bucket.ghosts), [at](const Ghost& a, const Ghost& b) {
        return (a.print ? at - a.left : ~0u) < (b.print ? at - b.left : ~0u);
      });
  oldest = {Print(hash), at};
}

bool EvictionGhosts::Take(uint64_t hash, uint64_t now, uint64_t span) {
  if (buckets_.empty()) return false;
  for (Ghost& ghost : BucketOf(hash).ghosts) {
    if (ghost.print != Print(hash)) continue;
    ghost.print = 0;
    return Units(now) - ghost.left < Units(span);
  }
  return false;
}

}  // namespace singleflight::cache
