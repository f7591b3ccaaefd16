#ifndef SINGLEFLIGHT_SERVER_CORE_REMEMBERED_H_
#define SINGLEFLIGHT_SERVER_CORE_REMEMBERED_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/base/timer_queue.h"
#include "singleflight/mutex.h"

namespace singleflight::core {

// A bounded set of hashes that forgets each after a while: methods that turned out to stream, keys
// whose replies are too large. A hash that is noted again after that is remembered for twice as
// long, up to a most. A collision costs a missed sharing, never a wrong reply. Threads: any.
class Remembered {
 public:
  Remembered(size_t capacity, absl::Duration first, absl::Duration most)
      : capacity_(capacity), first_(first), most_(most) {}

  // Remembers `hash` from now on; the oldest note gives way when the set is full. Returns for how
  // long, where that is news: nothing where it was remembered already, which changes nothing, and
  // where its last time began less than `first` ago.
  absl::optional<absl::Duration> Note(uint64_t hash, base::Instant now);

  // From now on `hash` is as if it had never been noted.
  void Forget(uint64_t hash);

  bool Holds(uint64_t hash, base::Instant now) const;

  // Hashes that were noted, those whose time is over included.
  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Memory {
    base::Instant since;
    absl::Duration length;  // zero: forgotten
  };

  const size_t capacity_;
  const absl::Duration first_;
  const absl::Duration most_;
  std::atomic<size_t> size_{0};  // lets the usual case, nothing remembered, pass without the lock
  mutable Mutex mu_;
  absl::flat_hash_map<uint64_t, Memory> memories_ ABSL_GUARDED_BY(mu_);
  std::deque<uint64_t> oldest_first_ ABSL_GUARDED_BY(mu_);
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_REMEMBERED_H_
