// Calls that go on until their caller leaves, and each of which takes a thread: how many there may
// be, and how they wait.
//
// Threads: every method, from any.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_WATCHERS_H_
#define SINGLEFLIGHT_SERVER_ADMIN_WATCHERS_H_

#include <grpcpp/server_context.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>

namespace singleflight::admin {

class Watchers {
 public:
  explicit Watchers(int most) : room_(most) {}

  // A place among them, for as long as it lives.
  class Place {
   public:
    explicit Place(Watchers& watchers)
        : watchers_(watchers), taken_(watchers.room_.fetch_sub(1) > 0) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { watchers_.room_.fetch_add(1); }

    // False: there are too many already.
    bool taken() const { return taken_; }

   private:
    Watchers& watchers_;
    const bool taken_;
  };

  // Waits for so long. False: the caller has left, or Stop was called.
  bool Wait(const grpc::ServerContext& caller, std::chrono::milliseconds duration) const {
    while (!caller.IsCancelled()) {
      const auto step = std::min(duration, kStep);
      if (stopped_.wait_for(step) == std::future_status::ready) return false;
      duration -= step;
      if (duration <= std::chrono::milliseconds::zero()) return true;
    }
    return false;
  }

  // Nobody waits any more. Call it once.
  void Stop() { stop_.set_value(); }

 private:
  // How soon it is seen that a caller has left.
  static constexpr std::chrono::milliseconds kStep{100};

  std::atomic<int> room_;
  std::promise<void> stop_;
  const std::shared_future<void> stopped_ = stop_.get_future().share();
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_WATCHERS_H_
