#include "server/cache/eviction_ghosts.h"

#include <algorithm>
#include <climits>
#include <iterator>

namespace singleflight::cache {
namespace {

// A clock begins again after 65,536 ticks, and a ghost that was not replaced by then seems alive
// for one span. With spans of at most this many ticks, that is an eighth of the time.
constexpr uint64_t kMaxSpan = 1 << 13;

uint16_t Print(uint64_t hash) { return hash & 0x3fff; }

}  // namespace

EvictionGhosts::Clock::Clock(uint64_t span_bytes) {
  while (span_bytes >> tick_bits > kMaxSpan) ++tick_bits;
  span = static_cast<uint16_t>(span_bytes >> tick_bits);
}

EvictionGhosts::EvictionGhosts(uint64_t max_memory, uint64_t small_span, uint64_t main_span)
    : max_buckets_(max_memory / sizeof(Bucket)), small_(small_span), main_(main_span) {}

void EvictionGhosts::Fit(size_t residents) {
  size_t count = std::max<size_t>(1, buckets_.size());
  while (count * std::size(Bucket().ghosts) < residents) count *= 2;
  count = std::min(count, max_buckets_);
  if (count == buckets_.size()) return;
  buckets_ = {};  // the old table goes before the new one comes
  buckets_.resize(count);
}

void EvictionGhosts::Remember(uint64_t hash, uint32_t bytes, Queue queue) {
  Clock& clock = ClockOf(queue);
  clock.left += bytes;
  if (buckets_.empty()) return;
  Ghost& replaced = ClosestToItsEnd(BucketOf(hash));
  replaced.queue = static_cast<uint16_t>(queue);
  replaced.print = Print(hash);
  replaced.until = clock.now() + clock.span;
}

EvictionGhosts::Queue EvictionGhosts::Recall(uint64_t hash) {
  if (buckets_.empty()) return Queue::kNone;
  for (Ghost& ghost : BucketOf(hash).ghosts) {
    if (ghost.print != Print(hash) || Remaining(ghost) == 0) continue;
    const auto queue = static_cast<Queue>(ghost.queue);
    ghost = {};
    return queue;
  }
  return Queue::kNone;
}

EvictionGhosts::Ghost& EvictionGhosts::ClosestToItsEnd(Bucket& bucket) {
  Ghost* closest = nullptr;
  int least = INT_MAX;
  for (Ghost& ghost : bucket.ghosts) {
    const int remaining = Remaining(ghost);
    if (remaining >= least) continue;
    closest = &ghost;
    least = remaining;
    if (least == 0) break;
  }
  return *closest;
}

// The upper half of the hash chooses the bucket; prints are of the lower half.
EvictionGhosts::Bucket& EvictionGhosts::BucketOf(uint64_t hash) {
  return buckets_[((hash >> 32) * buckets_.size()) >> 32];
}

// Ticks until the ghost is forgotten; 0: it is forgotten.
int EvictionGhosts::Remaining(const Ghost& ghost) {
  const auto queue = static_cast<Queue>(ghost.queue);
  if (queue == Queue::kNone) return 0;
  const Clock& clock = ClockOf(queue);
  const uint16_t ticks = ghost.until - clock.now();
  return ticks <= clock.span ? ticks : 0;
}

}  // namespace singleflight::cache
