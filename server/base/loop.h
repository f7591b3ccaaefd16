// What a call needs of the thread that it lives on: time, timers, and a way in for other threads.
// net::Worker is the real one; tests have a fake whose time moves when they say so.

#ifndef SINGLEFLIGHT_SERVER_BASE_LOOP_H_
#define SINGLEFLIGHT_SERVER_BASE_LOOP_H_

#include <cstddef>

#include "absl/functional/any_invocable.h"
#include "server/base/timer_queue.h"

namespace singleflight::base {

class Loop {
 public:
  virtual ~Loop() = default;

  // The loops of a program are numbered from 0.
  virtual size_t index() const = 0;

  // Monotonic; read once per turn of the loop. This loop's thread only.
  virtual Instant Now() const = 0;

  // This loop's thread only.
  virtual TimerQueue& timers() = 0;

  // Runs `task` on the loop's thread, after what was posted before. From any thread. A task that
  // the loop never gets to (it stopped) is destroyed unrun.
  virtual void Post(absl::AnyInvocable<void()> task) = 0;
};

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_LOOP_H_
