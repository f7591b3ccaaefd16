// A mutex that clang's thread-safety analysis understands, its lock and its condition variable.

#ifndef SINGLEFLIGHT_MUTEX_H_
#define SINGLEFLIGHT_MUTEX_H_

#include "singleflight/internal/cxx20.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"
#include "singleflight/internal/pause.h"

namespace singleflight {

// Mutex is a std::mutex that clang's thread-safety analysis understands. Use it for critical
// sections of tens of nanoseconds: a contended Lock spins for about a microsecond before it sleeps.
//
//   Mutex mu_;
//   int calls_ ABSL_GUARDED_BY(mu_) = 0;
//   ...
//   MutexLock lock(mu_);
//   ++calls_;
//
// Not recursive. May be destroyed as soon as nobody holds it or waits for it.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (!mu_.try_lock()) LockContended();
  }
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return mu_.try_lock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu_.unlock(); }

  // Tells the analysis that this thread holds the lock where it cannot see so, as in a lambda.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {}

 private:
  friend class CondVar;

  void LockContended() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    for (int i = 0; i < internal::kSpins; ++i) {
      internal::Pause();
      if (mu_.try_lock()) return;
    }
    mu_.lock();
  }

  std::mutex mu_;
};

// Holds a Mutex for as long as it lives.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) { mu_.Lock(); }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mu_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

// CondVar waits for a change of what a Mutex guards. Every wait may return for no reason, so it
// belongs in a loop that tests the state; un-annotated predicates would blind the analysis.
//
//   MutexLock lock(mu_);
//   while (!ready_) ready_changed_.Wait(mu_);
//
// To wait for a std::stop_token too, construct, before taking the lock, a std::stop_callback that
// locks `mu` and notifies, and add `stop_requested()` to the condition. Neither allocates.
class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  void Wait(Mutex& mu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    changed_.wait(lock);
    lock.release();
  }

  // False when `deadline` has passed.
  bool WaitUntil(Mutex& mu, std::chrono::steady_clock::time_point deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    const std::cv_status status = changed_.wait_until(lock, deadline);
    lock.release();
    return status == std::cv_status::no_timeout;
  }

  // False when `duration` has passed.
  bool WaitFor(Mutex& mu, std::chrono::nanoseconds duration) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    const std::cv_status status = changed_.wait_for(lock, duration);
    lock.release();
    return status == std::cv_status::no_timeout;
  }

  void NotifyOne() { changed_.notify_one(); }
  void NotifyAll() { changed_.notify_all(); }

 private:
  std::condition_variable changed_;
};

}  // namespace singleflight

#endif  // SINGLEFLIGHT_MUTEX_H_
