// A counter that clang checks: an access without the lock is an error under -Wthread-safety.

#include "singleflight/mutex.h"

#include <cstdio>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"

namespace {

class Counter {
 public:
  void Add() {
    singleflight::MutexLock lock(mu_);
    ++count_;
    changed_.NotifyAll();
  }

  int AwaitAtLeast(int count) {
    singleflight::MutexLock lock(mu_);
    while (count_ < count) changed_.Wait(mu_);
    return count_;
  }

 private:
  singleflight::Mutex mu_;
  singleflight::CondVar changed_;
  int count_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace

int main() {
  Counter counter;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { counter.Add(); });
  std::printf("%d\n", counter.AwaitAtLeast(4));
}
