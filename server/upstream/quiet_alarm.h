// Whether something was refused lately: it opens with the first refusal after a quiet while, and
// closes after the next one. So there is a line for each, and none for a refusal.
//
// Threads: any.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_QUIET_ALARM_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_QUIET_ALARM_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "server/base/timer_queue.h"

namespace singleflight::upstream {

class QuietAlarm {
 public:
  static constexpr absl::Duration kQuiet = absl::Seconds(5);

  bool open() const { return open_.load(std::memory_order_relaxed); }

  // Notes a refusal. Returns true for the first after a quiet while: who hears this asks quiet_at()
  // then, and calls Close when it has passed.
  bool Opens(base::Instant now) {
    refused_at_.store(now, std::memory_order_relaxed);
    refused_.fetch_add(1, std::memory_order_relaxed);
    return !open() && !open_.exchange(true, std::memory_order_relaxed);
  }

  // When nothing will have been refused for kQuiet.
  base::Instant quiet_at() const {
    return base::After(refused_at_.load(std::memory_order_relaxed), kQuiet);
  }

  // Returns how many were refused since it opened.
  uint64_t Close() {
    open_.store(false, std::memory_order_relaxed);
    return refused_.exchange(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> open_{false};
  std::atomic<base::Instant> refused_at_{};
  std::atomic<uint64_t> refused_{0};
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_QUIET_ALARM_H_
