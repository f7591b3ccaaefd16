// Remembers which keys left which queue lately: ghosts, by hash, in four bytes each. A ghost is
// remembered until so many bytes, its span, have left the same queue after it.
//
// They stand in a table of small buckets, in which a new ghost takes the place of the one closest
// to its end. Now and then the table takes one key for another, or forgets early. Either costs one
// wrong guess.

#ifndef SINGLEFLIGHT_SERVER_CACHE_EVICTION_GHOSTS_H_
#define SINGLEFLIGHT_SERVER_CACHE_EVICTION_GHOSTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace singleflight::cache {

class EvictionGhosts {
 public:
  enum class Queue : uint8_t { kNone, kSmall, kMain };

  // Allocates at most `max_memory` bytes. Spans are in bytes, above.
  EvictionGhosts(uint64_t max_memory, uint64_t small_span, uint64_t main_span);

  // Makes room for as many ghosts as there are `residents`. Growing forgets; it doubles each time.
  void Fit(size_t residents);

  // `bytes` with this `hash` left `queue`, by eviction.
  void Remember(uint64_t hash, uint32_t bytes, Queue queue);

  // Which queue `hash` left lately. Forgets it.
  Queue Recall(uint64_t hash);

  uint64_t memory() const { return buckets_.capacity() * sizeof(Bucket); }

 private:
  struct Ghost {
    uint16_t queue : 2 = 0;
    uint16_t print : 14 = 0;
    uint16_t until = 0;  // on its queue's clock
  };
  struct Bucket {  // a cache line
    Ghost ghosts[16];
  };

  // Counts what left a queue, in ticks of 2^tick_bits bytes.
  struct Clock {
    explicit Clock(uint64_t span_bytes);
    uint16_t now() const { return static_cast<uint16_t>(left >> tick_bits); }

    int tick_bits = 0;
    uint16_t span;      // ticks
    uint64_t left = 0;  // bytes, ever
  };

  Clock& ClockOf(Queue queue) { return queue == Queue::kSmall ? small_ : main_; }
  Bucket& BucketOf(uint64_t hash);
  Ghost& ClosestToItsEnd(Bucket& bucket);
  int Remaining(const Ghost& ghost);

  const size_t max_buckets_;
  Clock small_;
  Clock main_;
  std::vector<Bucket> buckets_;
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_EVICTION_GHOSTS_H_
