#include "singleflight/mutex.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

class Counter {
 public:
  void Add() {
    MutexLock lock(mu_);
    ++count_;
    changed_.NotifyAll();
  }
  void AwaitCount(int count) {
    MutexLock lock(mu_);
    while (count_ < count) changed_.Wait(mu_);
  }
  bool Passes(std::chrono::steady_clock::time_point deadline) {
    MutexLock lock(mu_);
    return !changed_.WaitUntil(mu_, deadline);
  }
  bool AwaitStop(std::stop_token stop) {
    std::stop_callback on_stop(stop, [this] { Add(); });
    MutexLock lock(mu_);
    while (!stop.stop_requested()) changed_.Wait(mu_);
    return true;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
};

TEST(MutexTest, EveryAdditionUnderTheLockCounts) {
  Counter counter;
  Threads threads;
  for (int i = 0; i < 4; ++i) {
    threads.Start([&] {
      for (int j = 0; j < 1000; ++j) counter.Add();
    });
  }
  counter.AwaitCount(4000);
}

TEST(MutexTest, TryLockFailsWhileSomebodyElseHoldsTheLock) {
  Mutex mu;
  bool refused = false;
  MutexLock lock(mu);
  std::jthread([&] {
    if (mu.TryLock()) {
      mu.Unlock();
    } else {
      refused = true;
    }
  }).join();
  EXPECT_TRUE(refused);
}

TEST(MutexTest, AWaitEndsAtItsDeadline) {
  Counter counter;
  EXPECT_TRUE(counter.Passes(std::chrono::steady_clock::time_point()));
}

TEST(MutexTest, AWaitEndsWhenItsStopIsRequested) {
  Counter counter;
  bool stopped = false;
  std::jthread waiter([&](std::stop_token stop) { stopped = counter.AwaitStop(stop); });
  waiter.request_stop();
  waiter.join();
  EXPECT_TRUE(stopped);
}

}  // namespace
}  // namespace singleflight
