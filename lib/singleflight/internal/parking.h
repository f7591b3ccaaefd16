// Where a blocking caller spins and sleeps.

#ifndef SINGLEFLIGHT_INTERNAL_PARKING_H_
#define SINGLEFLIGHT_INTERNAL_PARKING_H_

#include <atomic>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "singleflight/internal/pause.h"
#include "singleflight/mutex.h"
#include "singleflight/shared.h"

namespace singleflight::internal {

// Parking is where one thread waits for one wake-up. It lives on the stack of the sleeper, which
// may be gone the instant that it learns of the wake-up, so the waker must not touch it after that:
// - a sleeper that only spins learns from `state_`, whose exchange is then the waker's last touch;
// - a sleeper that found no end to its spinning says so in `state_` and from then on believes
//   `woken_` only, which the waker sets and notifies under the lock. A sleeper that reads `woken_`
//   set has taken the lock after the waker released it.
class Parking {
 public:
  // Wakes the sleeper. Once. Everything written before is visible to it.
  void Wake() {
    if (state_.exchange(State::kWoken, std::memory_order_acq_rel) == State::kSpins) return;
    MutexLock lock(mu_);
    woken_ = true;
    changed_.NotifyOne();
  }

  void Wait() {
    if (WokenWhileSpinning()) return;
    MutexLock lock(mu_);
    while (!woken_) changed_.Wait(mu_);
  }

  enum class Woken {
    kByWaker,
    kByDeadline,  // it has passed
    kByStop,      // it was requested
  };

  // Where `until` comes first, the wake-up may still come, so the sleeper either sees to it that it
  // does not or waits for it with Wait.
  Woken Wait(const Until& until) {
    if (WokenWhileSpinning()) return Woken::kByWaker;
    const auto look_again = [this] {
      MutexLock lock(mu_);
      changed_.NotifyOne();
    };
    std::stop_callback on_stop(until.stop, look_again);
    MutexLock lock(mu_);
    bool in_time = true;
    while (!woken_ && in_time && !until.stop.stop_requested()) {
      in_time = changed_.WaitUntil(mu_, until.deadline);
    }
    if (woken_) return Woken::kByWaker;
    return in_time ? Woken::kByStop : Woken::kByDeadline;
  }

 private:
  enum class State { kSpins, kSleeps, kWoken };

  bool WokenWhileSpinning() {
    if (sleeps_) return false;
    for (int i = 0; i < kSpins; ++i) {
      if (state_.load(std::memory_order_acquire) == State::kWoken) return true;
      Pause();
    }
    State expected = State::kSpins;
    sleeps_ = state_.compare_exchange_strong(expected, State::kSleeps, std::memory_order_acq_rel);
    return !sleeps_;
  }

  std::atomic<State> state_{State::kSpins};
  bool sleeps_ = false;  // the sleeper's own

  Mutex mu_;
  CondVar changed_;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_PARKING_H_
