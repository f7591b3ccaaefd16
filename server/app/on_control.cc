#include "server/app/on_control.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>
#include <semaphore>

namespace singleflight::app {
namespace {

// How soon it is seen that the process ends.
constexpr std::chrono::milliseconds kStep(20);

// One piece of work. Whoever is faster decides: the control thread that begins it, or the thread
// that gives it up. What is given up stays posted, and refers to nothing any more.
class Errand {
 public:
  explicit Errand(absl::FunctionRef<void()> work) : work_(work) {}

  void Run() {
    if (taken_.exchange(true)) return;
    work_();
    done_.release();
  }

  bool WaitFor(std::chrono::milliseconds duration) { return done_.try_acquire_for(duration); }

  // False: it has begun, and has been waited for.
  bool GiveUp() {
    if (!taken_.exchange(true)) return true;
    done_.acquire();
    return false;
  }

 private:
  const absl::FunctionRef<void()> work_;
  std::atomic<bool> taken_{false};
  std::binary_semaphore done_{0};
};

}  // namespace

absl::Status OnControl::Do(std::chrono::milliseconds patience, absl::FunctionRef<void()> work) {
  const auto errand = std::make_shared<Errand>(work);
  boost::asio::post(control_, [errand] { errand->Run(); });
  while (!closed_ && patience > patience.zero()) {
    const auto step = std::min(patience, kStep);
    if (errand->WaitFor(step)) return absl::OkStatus();
    patience -= step;
  }
  if (!errand->GiveUp()) return absl::OkStatus();
  if (closed_) return absl::UnavailableError("the process ends");
  return absl::DeadlineExceededError("the process has had no time to answer; ask again");
}

}  // namespace singleflight::app
