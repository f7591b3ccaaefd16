// What happened lately, for people: reloads and refusals of them, endpoints, purges, drains.
// Bounded: the oldest make room.
//
// Threads: every method, from any.
// Time: the wall clock is shown and decides nothing.

#ifndef SINGLEFLIGHT_SERVER_APP_EVENTS_H_
#define SINGLEFLIGHT_SERVER_APP_EVENTS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "singleflight/mutex.h"

namespace singleflight::app {

struct Event {
  absl::Time at;
  std::string kind;     // as the admin service lists them: "reload", "endpoint" …
  std::string subject;  // what it concerns; empty: the process
  std::string text;     // one sentence
};

class Events {
 public:
  static constexpr size_t kMost = 1000;

  explicit Events(std::function<absl::Time()> wall_clock) : wall_clock_(std::move(wall_clock)) {}

  void Add(std::string kind, std::string subject, std::string text) {
    Event event{wall_clock_(), std::move(kind), std::move(subject), std::move(text)};
    MutexLock lock(mu_);
    if (events_.size() == kMost) events_.pop_front();
    events_.push_back(std::move(event));
  }

  // At most `limit`, the latest first.
  std::vector<Event> Latest(size_t limit) const {
    MutexLock lock(mu_);
    std::vector<Event> latest;
    for (auto at = events_.rbegin(); at != events_.rend() && latest.size() < limit; ++at) {
      latest.push_back(*at);
    }
    return latest;
  }

 private:
  const std::function<absl::Time()> wall_clock_;
  mutable Mutex mu_;
  std::deque<Event> events_ ABSL_GUARDED_BY(mu_);
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_EVENTS_H_
