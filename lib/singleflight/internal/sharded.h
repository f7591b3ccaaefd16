// What both kinds of groups share: keys spread over shards.

#ifndef SINGLEFLIGHT_INTERNAL_SHARDED_H_
#define SINGLEFLIGHT_INTERNAL_SHARDED_H_

#include <bit>
#include <cstddef>
#include <memory>
#include <utility>

namespace singleflight::internal {

// Sharded spreads keys over shards by their hash, so that threads that use different keys seldom
// meet at a mutex.
//
// Threads: every method, from any thread.
template <typename Shard, typename Hash>
class Sharded {
 public:
  // `count` is rounded up to a power of two.
  Sharded(size_t count, Hash hash)
      : hash_(std::move(hash)),
        count_(std::bit_ceil(count)),
        shards_(std::make_unique<Shard[]>(count_)) {}

  // Spreads any hash over all bits, so that shards and buckets may use different ones of them, even
  // where the hash is the identity.
  template <typename Key>
  size_t HashOf(const Key& key) const {
    const size_t product = size_t{0x9E3779B97F4A7C15} * static_cast<size_t>(hash_(key));
    return product ^ (product >> 32);
  }

  // Buckets use the low bits of a hash.
  Shard& Of(size_t hash) const { return shards_[(hash >> 24) & (count_ - 1)]; }

  size_t count() const { return count_; }
  Shard& operator[](size_t index) const { return shards_[index]; }

  // Each shard is counted at a different instant.
  size_t flights() const {
    return Sum([](const Shard& shard) { return shard.flights(); });
  }
  size_t waiting() const {
    return Sum([](const Shard& shard) { return shard.waiting(); });
  }

 private:
  template <typename Gauge>
  size_t Sum(const Gauge& gauge) const {
    size_t sum = 0;
    for (size_t i = 0; i < count_; ++i) sum += gauge(shards_[i]);
    return sum;
  }

  const Hash hash_;
  const size_t count_;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_SHARDED_H_
