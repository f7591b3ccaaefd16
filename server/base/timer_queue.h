// The timers of one loop, and the time that they are set by. Setting and cancelling allocate
// nothing in the steady state. The queue reads no clock: its owner says what time it is.

#ifndef SINGLEFLIGHT_SERVER_BASE_TIMER_QUEUE_H_
#define SINGLEFLIGHT_SERVER_BASE_TIMER_QUEUE_H_

#include <bit>
#include <chrono>
#include <cstddef>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace singleflight::base {

// Monotonic time.
using Instant = std::chrono::steady_clock::time_point;

// `instant` + `duration`, clamped to the far end of Instant.
Instant After(Instant instant, absl::Duration duration);

class TimerQueue;

// Calls back once per Set, unless it is cancelled. It belongs to the thread of its queue, which
// must outlive it. Every call has one, so it is small: the callback is a lambda that captures one
// pointer, which is usually `this`.
class Timer {
 public:
  template <typename Callback>
  Timer(TimerQueue& queue, Callback callback) : queue_(queue) {
    captured_ = std::bit_cast<void*>(callback);
    run_ = [](void* captured) { std::bit_cast<Callback>(captured)(); };
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { Cancel(); }

  // Replaces an earlier setting.
  void Set(Instant when);
  void Cancel() {
    if (pending()) Unset();
  }
  bool pending() const { return slot_ != kIdle; }

 private:
  friend class TimerQueue;
  static constexpr size_t kIdle = static_cast<size_t>(-1);

  void Unset();

  TimerQueue& queue_;
  void* captured_ = nullptr;
  void (*run_)(void* captured);
  Instant when_;
  size_t slot_ = kIdle;  // place in the queue
};

// All timers of one loop, in a binary heap of pointers. timer_queue.cc tells why some stand behind
// the heap.
//
// Threads: one.
class TimerQueue {
 public:
  // When Advance has something to do; nothing: no timer is set.
  absl::optional<Instant> next();

  // Runs what is due at `now`, in order of time. Callbacks may set and cancel any timer; what they
  // set comes with a later call, even if it is due already, so that this comes to an end.
  void Advance(Instant now);

  size_t size() const { return timers_.size(); }

 private:
  friend class Timer;

  void Insert(Timer& timer);
  void Order();
  void Remove(Timer& timer);
  void Place(Timer* timer, size_t slot);
  void SiftUp(size_t slot);
  void SiftDown(size_t slot);

  std::vector<Timer*> timers_;
  size_t ordered_ = 0;                 // so many, from the first, are a heap
  Instant earliest_ = Instant::min();  // that a timer can be set for
};

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_TIMER_QUEUE_H_
