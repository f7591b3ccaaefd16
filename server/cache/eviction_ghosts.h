#ifndef SINGLEFLIGHT_SERVER_CACHE_EVICTION_GHOSTS_H_
#define SINGLEFLIGHT_SERVER_CACHE_EVICTION_GHOSTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace singleflight::cache {

// Remembers which keys left lately, by hash: a table of small buckets in which a new ghost takes
// the place of the oldest. Now and then it takes one key for another, which costs a cache little.
class EvictionGhosts {
 public:
  // Makes room for as many ghosts as there are `residents`. Growing forgets; it happens at
  // doublings only.
  void Fit(size_t residents);

  // `hash` left when `now` bytes had left in all.
  void Add(uint64_t hash, uint64_t now);

  // Whether `hash` left less than `span` bytes ago. If so, forgets it.
  bool Take(uint64_t hash, uint64_t now, uint64_t span);

  uint64_t memory() const { return buckets_.capacity() * sizeof(Bucket); }

 private:
  static constexpr int kWays = 4;
  struct Ghost {
    uint32_t print = 0;  // 0: nobody
    uint32_t left = 0;   // in units
  };
  struct Bucket {
    Ghost ghosts[kWays];
  };
  Bucket& BucketOf(uint64_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }

  std::vector<Bucket> buckets_;  // none, or a power of two
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_EVICTION_GHOSTS_H_
