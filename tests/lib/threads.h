#ifndef TESTS_LIB_THREADS_H_
#define TESTS_LIB_THREADS_H_

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace singleflight {

// Waits for a state that another thread is about to bring about.
template <typename State>
void Await(const State& state) {
  while (!state()) std::this_thread::yield();
}

// A door that work stands before until the test opens it.
class Door {
 public:
  void Open() { open_ = true; }
  bool open() const { return open_; }
  void Pass() const {
    Await([this] { return open_.load(); });
  }

 private:
  std::atomic<bool> open_ = false;
};

// Threads that are joined before the things which they use are gone.
class Threads {
 public:
  template <typename Body>
  void Start(Body&& body) {
    threads_.emplace_back(std::forward<Body>(body));
  }
  void Join() { threads_.clear(); }

 private:
  std::vector<std::jthread> threads_;
};

}  // namespace singleflight

#endif  // TESTS_LIB_THREADS_H_
