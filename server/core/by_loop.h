#ifndef SINGLEFLIGHT_SERVER_CORE_BY_LOOP_H_
#define SINGLEFLIGHT_SERVER_CORE_BY_LOOP_H_

#include <utility>
#include <vector>

#include "server/core/waiter.h"

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
  FlightTable::WaiterList waiters;
};

// Calls `each` for every waiter on the waiter's own loop: those of `here` before this returns, the
// others in one task for each loop, however many there are.
template <typename Each>
void ForEachOnItsLoop(FlightTable::WaiterList waiters, base::Loop& here, const Each& each) {
  std::vector<LoopBatch> batches;
  while (FlightTable::Waiter* waiter = waiters.Pop()) {
    base::Loop* loop = &static_cast<Waiter*>(waiter)->loop();
    size_t at = 0;
    while (at < batches.size() && batches[at].loop != loop) ++at;
    if (at == batches.size()) batches.emplace_back(loop);
    batches[at].waiters.PushBack(waiter);
  }
  for (LoopBatch& batch : batches) {
    base::Loop* const loop = batch.loop;
    auto run = [each, batch = std::move(batch)]() mutable {
      while (FlightTable::Waiter* waiter = batch.waiters.Pop()) each(*static_cast<Waiter*>(waiter));
    };
    if (loop == &here) {
      run();
    } else {
      loop->Post(std::move(run));
    }
  }
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_BY_LOOP_H_
