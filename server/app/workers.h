// The loops that serve clients, one a thread, and on each loop the connections of its clients.
//
// Threads: the control thread's, but for what says "from any thread".

#ifndef SINGLEFLIGHT_SERVER_APP_WORKERS_H_
#define SINGLEFLIGHT_SERVER_APP_WORKERS_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "server/app/ledgers.h"
#include "server/app/on_worker.h"
#include "server/memory/buffered.h"
#include "server/net/worker.h"
#include "server/proxy/frontend.h"

namespace singleflight::app {

class Workers {
 public:
  // `ledgers` have cells for `count` workers. `seed` is for the ages that connections reach.
  Workers(size_t count, Ledgers& ledgers, memory::BufferBudget& budget, uint64_t seed);

  void Start();

  // Ends the loops. What lives on them is gone by then.
  void Stop();

  bool running() const { return running_; }
  size_t size() const { return each_.size(); }

  // By index.
  std::vector<net::Worker*> loops();

  // Where clients come in, before one of the workers gets them.
  net::Worker& entry() { return each_.front().loop; }

  // The clients of the worker that has the fewest; it gets the next. From any thread.
  proxy::Frontend& Least();

  // Connections that are served, or are on their way to the worker that will. From any thread.
  int64_t connections() const;

  // Bytes that workers hold and have not told their budget of yet.
  int64_t untold_bytes() const;

  // Clients end with their calls: those, too, that entry() lets in before it hears of this.
  void Drain();

  // After Drain: nobody is left, and nobody comes in any more. From any thread.
  bool drained() const { return draining_behind_ == 0 && connections() == 0; }

  // Does `work(frontend)` on each loop, some time soon. From any thread.
  template <typename Work>
  void OnEach(const Work& work) {
    for (Each& each : each_) {
      each.loop.Post([work, &each] { work(each.frontend); });
    }
  }

  // The same, on one after another, and returns when all have done it.
  template <typename Work>
  void OnEachNow(const Work& work) {
    for (Each& each : each_) {
      RunOn(each.loop, [&] { work(each.frontend); });
    }
  }

  // What calls on each loop begin with from now on: `context_for(loop)`, which is made here.
  template <typename ContextFor>
  void SetContexts(const ContextFor& context_for) {
    for (Each& each : each_) {
      each.loop.Post([&each, context = context_for(each.loop)]() mutable {
        each.frontend.SetContext(std::move(context));
      });
    }
  }

  // Returns when each loop has done what was posted to it before.
  void Settle();

  // Settles until `settled` holds. False: it does not, although the loops had `patience`.
  //
  // The end of a call goes from loop to loop, a *hop* at a time: its flight lands on the leader's
  // loop, which posts to those of the waiters; what the last waiter lets go of (a snapshot, and
  // with it the pools of all workers) is posted to where it was made. Each Settle sees one hop
  // through. Nobody is told when the last has come, and nobody knows how many there are, so the
  // state itself is looked at between hops. While it takes long, the loops have other things to do
  // than to hop: this thread pauses.
  bool SettleUntil(absl::FunctionRef<bool()> settled, std::chrono::milliseconds patience);

 private:
  // One worker, and the clients that it serves. The frontend belongs to the loop's thread.
  struct Each {
    Each(size_t index, proxy::DownstreamMetrics& metrics, memory::BufferBudget& budget,
         uint64_t seed)
        : buffered(budget), loop(index, &buffered), frontend(loop, metrics, seed) {}

    memory::Buffered buffered;
    net::Worker loop;
    proxy::Frontend frontend;
  };

  std::deque<Each> each_;
  std::atomic<int64_t> draining_behind_{0};  // 1 between Drain and when entry() has heard of it
  bool running_ = false;
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_WORKERS_H_
