#ifndef SINGLEFLIGHT_SERVER_CORE_REMEMBERED_H_
#define SINGLEFLIGHT_SERVER_CORE_REMEMBERED_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "server/base/timer_queue.h"
#include "singleflight/mutex.h"

namespace singleflight::core {

// A bounded set of hashes that forgets each after a while: methods that turned out to stream, keys
// whose replies are too large. A collision costs a missed sharing, never a wrong reply. Threads:
// any.
class Remembered {
 public:
  explicit Remembered(size_t capacity) : capacity_(capacity) {}

  // Remembers `hash` until `now` + `how_long`; the oldest note gives way when the set is full.
  void Note(uint64_t hash, base::Instant now, absl::Duration how_long);

  bool Holds(uint64_t hash, base::Instant now) const;

  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  const size_t capacity_;
  std::atomic<size_t> size_{0};  // lets the usual case, nothing remembered, pass without the lock
  mutable Mutex mu_;
  absl::flat_hash_map<uint64_t, base::Instant> until_ ABSL_GUARDED_BY(mu_);
  std::deque<uint64_t> oldest_first_ ABSL_GUARDED_BY(mu_);
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_REMEMBERED_H_
