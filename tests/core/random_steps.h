#ifndef SINGLEFLIGHT_TESTS_CORE_RANDOM_STEPS_H_
#define SINGLEFLIGHT_TESTS_CORE_RANDOM_STEPS_H_

#include <functional>
#include <random>
#include <vector>

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {

// A number below its argument: at random, or what a fuzzer wants.
using Chooser = std::function<size_t(size_t below)>;

inline Chooser RandomChooser(uint64_t seed) {
  return [random = std::mt19937_64(seed)](size_t below) mutable { return random() % below; };
}

// Lets things happen on the read path in whatever order, and checks after each what must always
// hold. `Caller` has at least `TestWaiter* waiter` and `bool left`.
template <typename Caller>
class RandomSteps : public ReadPathTest {
 protected:
  using ReadPathTest::ReadPathTest;

  virtual void Step() = 0;
  virtual void Check() = 0;

  void TakeStep() {
    ++step_;
    Step();
    Check();
  }
  void TakeSteps(int steps, Chooser choose) {
    choose_ = std::move(choose);
    for (int i = 0; i < steps; ++i) {
      TakeStep();
      if (HasFailure()) FAIL() << "at step " << step_;
    }
  }

  size_t Random(size_t below) { return choose_(below); }

  void SomeoneLeaves() {
    if (callers_.empty()) return;
    Caller& caller = callers_[Random(callers_.size())];
    if (caller.left || caller.waiter->heard() > 0) return;
    caller.left = Leave(*caller.waiter);
    ++(caller.left ? left_ : left_too_late_);
  }

  // One of upstream's calls that go on, if there is any.
  FakeCall* SomeCall() {
    const std::vector<FakeCall*>& live = upstream_.live_calls();
    return live.empty() ? nullptr : live[Random(live.size())];
  }

  Chooser choose_;
  int step_ = 0;
  std::vector<Caller> callers_;
  int left_ = 0, left_too_late_ = 0;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_TESTS_CORE_RANDOM_STEPS_H_
