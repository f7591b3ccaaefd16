// The threads of a simulation: one of the system's is all of them, one after the other.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_SCHEDULED_LOOP_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_SCHEDULED_LOOP_H_

#include <array>
#include <cstddef>
#include <deque>
#include <utility>

#include "tests/core/fakes.h"
#include "tests/simulation/choices.h"

namespace singleflight::simulation {

inline constexpr size_t kLoops = 3;
inline constexpr size_t kControl = kLoops;  // the thread of reloads and purges
inline constexpr size_t kThreads = kLoops + 1;

// Whose turn it is: all threads of the simulation are one of the system's.
class Turn {
 public:
  size_t of() const { return of_; }

  // Lets a thread run until this goes; perhaps while another one is in the middle of something.
  class Taken {
   public:
    Taken(Turn& turn, size_t thread) : turn_(turn), before_(std::exchange(turn.of_, thread)) {}
    Taken(const Taken&) = delete;
    Taken& operator=(const Taken&) = delete;
    ~Taken() { turn_.of_ = before_; }

   private:
    Turn& turn_;
    const size_t before_;
  };

 private:
  size_t of_ = kControl;
};

// A loop that runs what is posted to it when told, a task at a time. Tasks of one thread stay in
// order. Tasks of different threads come in any order, as a post may be late while its thread is
// still in the step that made it.
class ScheduledLoop final : public core::FakeLoop {
 public:
  ScheduledLoop(size_t index, const Turn& turn) : FakeLoop(index), turn_(turn) {}

  void Post(absl::AnyInvocable<void()> task) override {
    from_[turn_.of()].push_back(std::move(task));
    ++waiting_;
  }

  size_t waiting() const { return waiting_; }

  // Runs the next task of some thread; false: there is none.
  bool RunSome(Choices& choices) {
    if (waiting_ == 0) return false;
    size_t thread = choices.Below(kThreads);
    while (from_[thread].empty()) thread = (thread + 1) % kThreads;
    RunNextOf(thread);
    return true;
  }

  // Runs all that is posted, and what that posts here.
  void RunEach() {
    while (waiting_ > 0) {
      for (size_t thread = 0; thread < kThreads; ++thread) {
        if (!from_[thread].empty()) RunNextOf(thread);
      }
    }
  }

 private:
  void RunNextOf(size_t thread) {
    absl::AnyInvocable<void()> task = std::move(from_[thread].front());
    from_[thread].pop_front();
    --waiting_;
    std::exchange(task, nullptr)();
  }

  const Turn& turn_;
  std::array<std::deque<absl::AnyInvocable<void()>>, kThreads> from_;
  size_t waiting_ = 0;
};

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_SCHEDULED_LOOP_H_
