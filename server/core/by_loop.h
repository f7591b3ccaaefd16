#ifndef SINGLEFLIGHT_SERVER_CORE_BY_LOOP_H_
#define SINGLEFLIGHT_SERVER_CORE_BY_LOOP_H_

#include <utility>
#include <vector>

#include "server/core/read_path.h"

namespace singleflight::core {

// The waiters of one loop, on their way to it. A loop that stops drops the task and with it the
// batch: its callers are gone, so nobody is owed an answer.
struct LoopBatch {
  explicit LoopBatch(base::Loop* to) : loop(to) {}
  LoopBatch(LoopBatch&&) = default;
  ~LoopBatch() {
    while (waiters.Pop() != nullptr) {
    }
  }
  base::Loop* loop;
  Flights::WaiterList waiters;
};

// Tells the waiters of one loop, so many in a turn, so that a large herd does not hold up the
// loop's other callers.
template <typename Each>
struct Handover {
  static constexpr int kInATurn = 1024;

  void operator()() {
    for (int i = 0; i < kInATurn; ++i) {
      Flights::Waiter* const waiter = batch.waiters.Pop();
      if (waiter == nullptr) return;
      each(*static_cast<Waiter*>(waiter));
    }
    base::Loop* const loop = batch.loop;
    loop->Post(std::move(*this));
  }

  Each each;
  LoopBatch batch;
};

// Calls `each` for every waiter on the waiter's own loop: those of `here` before this returns, the
// others in a task for each loop; where there are many, some of them a turn later.
template <typename Each>
void ForEachOnItsLoop(Flights::WaiterList waiters, base::Loop& here, const Each& each) {
  std::vector<LoopBatch> batches;
  while (Flights::Waiter* waiter = waiters.Pop()) {
    base::Loop* loop = &static_cast<Waiter*>(waiter)->loop();
    size_t at = 0;
    while (at < batches.size() && batches[at].loop != loop) ++at;
    if (at == batches.size()) batches.emplace_back(loop);
    batches[at].waiters.PushBack(waiter);
  }
  for (LoopBatch& batch : batches) {
    base::Loop* const loop = batch.loop;
    Handover<Each> run{each, std::move(batch)};
    if (loop == &here) {
      run();
    } else {
      loop->Post(std::move(run));
    }
  }
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_BY_LOOP_H_
