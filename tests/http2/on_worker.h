#ifndef SINGLEFLIGHT_TESTS_HTTP2_ON_WORKER_H_
#define SINGLEFLIGHT_TESTS_HTTP2_ON_WORKER_H_

#include <functional>
#include <future>
#include <thread>

#include "server/net/worker.h"

namespace singleflight::http2::testing {

// A running worker that tests give work to and wait for.
class OnWorker {
 public:
  OnWorker() { worker_.Start(); }

  // What is counted of what its connections hold.
  int64_t counted() const { return budget_.bytes() + buffered_.untold(); }

  net::Worker& worker() { return worker_; }

  // Runs `work` on the worker and waits until it has.
  void Run(std::function<void()> work) {
    std::promise<void> done;
    worker_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  // Waits until `state` holds; it is looked at on the worker, turn by turn. The test's time limit
  // is the only one.
  void Until(const std::function<bool()>& state) {
    for (bool holds = false; !holds; std::this_thread::yield()) {
      Run([&] { holds = state(); });
    }
  }

  void Stop() { worker_.Stop(); }

 private:
  memory::BufferBudget budget_{1 << 30};
  memory::Buffered buffered_{budget_};
  net::Worker worker_{0, &buffered_};
};

}  // namespace singleflight::http2::testing

#endif  // SINGLEFLIGHT_TESTS_HTTP2_ON_WORKER_H_
