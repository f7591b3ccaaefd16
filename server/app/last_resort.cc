#include "server/app/last_resort.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "server/base/signals_held.h"

namespace singleflight::app {

LastResort::LastResort(std::chrono::milliseconds after, std::function<void()> act) {
  const base::SignalsHeld quiet;
  thread_ = std::jthread([after, act = std::move(act)](const std::stop_token& in_time) {
    std::mutex mu;
    std::condition_variable_any over;
    std::unique_lock<std::mutex> lock(mu);
    over.wait_for(lock, in_time, after, [] { return false; });
    if (!in_time.stop_requested()) act();
  });
}

}  // namespace singleflight::app
