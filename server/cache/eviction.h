// Decides which entries stay within a budget of bytes, so that as many requests as possible are
// hits (eviction.cc tells how). Entries belong to the caller; they stay where they are from Insert
// until Victim returns them or Erase is called.
//
//   eviction.Insert(entry);
//   while (Evictable* victim = eviction.Victim()) Drop(victim);
//
// Threads: none of its own; it belongs to a shard and is used under the shard's lock.

#ifndef SINGLEFLIGHT_SERVER_CACHE_EVICTION_H_
#define SINGLEFLIGHT_SERVER_CACHE_EVICTION_H_

#include <cstddef>
#include <cstdint>

#include "server/cache/eviction_ghosts.h"
#include "server/cache/eviction_queue.h"

namespace singleflight::cache {

class Eviction {
 public:
  explicit Eviction(uint64_t max_bytes);
  Eviction(const Eviction&) = delete;
  Eviction& operator=(const Eviction&) = delete;

  // `entry`, with its hash and bytes set, becomes resident. Call Victim until it returns null.
  void Insert(Evictable& entry);

  // `entry` takes the place of `old`, which leaves: what its uses earned, it keeps. Call Victim
  // until it returns null.
  void Replace(Evictable& old, Evictable& entry);

  // A hit. Writes one byte of the entry, and nothing once that is saturated.
  void Touch(Evictable& entry) {
    if (entry.uses < Evictable::kMaxUses) ++entry.uses;
  }

  // The entry leaves for another reason (expired, purged); nothing is remembered of it.
  void Erase(Evictable& entry);

  // Takes out one entry that has to go for the budget to hold, perhaps the one inserted last; null:
  // the budget holds. Amortized over calls of Insert and Touch, it takes constant time.
  Evictable* Victim();

  // Of the resident entries.
  uint64_t bytes() const { return small_.bytes() + main_.bytes(); }
  size_t size() const { return small_.size() + main_.size(); }

  // Memory that Eviction itself allocates: at most a sixty-fourth of the budget, and part of it.
  uint64_t bookkeeping_bytes() const { return ghosts_.memory(); }

 private:
  EvictionQueue& QueueOf(const Evictable& entry) { return entry.in_main ? main_ : small_; }
  bool Fits() const { return bytes() + bookkeeping_bytes() <= max_bytes_; }
  bool Recall(const Evictable& entry);
  bool Rememberable(const Evictable& entry) const;
  void SetSmallTarget(uint64_t bytes);
  bool Pays(Evictable& entry) const;
  int PriceOf(const Evictable& entry) const;

  const uint64_t max_bytes_;
  uint64_t small_target_;  // bytes that the small queue may have when others have to go
  EvictionQueue small_;
  EvictionQueue main_;
  EvictionGhosts ghosts_;
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_EVICTION_H_
