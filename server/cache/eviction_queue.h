// A queue of entries, linked through themselves, that knows how many bytes they have.

#ifndef SINGLEFLIGHT_SERVER_CACHE_EVICTION_QUEUE_H_
#define SINGLEFLIGHT_SERVER_CACHE_EVICTION_QUEUE_H_

#include <cstddef>
#include <cstdint>

namespace singleflight::cache {

// What Eviction keeps in each entry; the entry derives from it or holds it. `hash` and `bytes` are
// the caller's and do not change while the entry is resident; the rest is Eviction's own.
struct Evictable {
  static constexpr uint8_t kMaxUses = 15;

  uint64_t hash = 0;  // of the entry's key, well mixed
  Evictable* newer = nullptr;
  Evictable* older = nullptr;
  uint32_t bytes = 0;  // what it counts against the budget

  // Last, so that derived classes may use the room behind them.
  uint8_t uses = 0;  // not spent yet
  bool in_main = false;
};

class EvictionQueue {
 public:
  void PushNewest(Evictable& entry);
  void PushOldest(Evictable& entry);
  void Remove(Evictable& entry);

  Evictable* oldest() const { return oldest_; }
  bool empty() const { return oldest_ == nullptr; }
  uint64_t bytes() const { return bytes_; }
  size_t size() const { return size_; }

 private:
  Evictable* newest_ = nullptr;
  Evictable* oldest_ = nullptr;
  uint64_t bytes_ = 0;
  size_t size_ = 0;
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_EVICTION_QUEUE_H_
