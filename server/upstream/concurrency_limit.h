// How many calls an upstream answers best at a time, found by what they take. In the manner of
// Gradient2 of Netflix's concurrency-limits:
//
//   short     the mean time of the calls of one window (kWindow, kLeastCalls)
//   long      that of about 600 windows: what calls take while nothing queues
//   gradient  kTolerance * long / short, within 0.5 and 1: less than 1 says that calls queue
//   limit     moves by kSmoothing towards limit * gradient + sqrt(limit)
//
// The root is the queue that is allowed for, so that the limit can grow.
//
// One thing differs from Gradient2. `long` does not follow while calls queue, or a backend that
// stays overloaded would teach it that this is usual, and the limit would creep up to `max`. After
// 600 windows of that, a minute or more, the limit is `min` for as long as it takes to measure anew
// what calls take while nothing queues. So a backend that has become slow for good is found out.
// Only calls count for it that began since then.
//
// While less than half of the limit is used, the limit stays as it is.
//
// A call that was cut off would have taken longer. So it counts only once `long` is known, and if
// it had kTolerance times that: it may say that calls queue, but not what they take.
//
// Threads: one at a time.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_CONCURRENCY_LIMIT_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_CONCURRENCY_LIMIT_H_

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "server/base/timer_queue.h"

namespace singleflight::upstream {

class GradientLimit {
 public:
  static constexpr absl::Duration kWindow = absl::Milliseconds(100);
  static constexpr int64_t kLeastCalls = 10;  // of a window
  static constexpr int64_t kFirst = 20;
  static constexpr double kTolerance = 1.5;
  static constexpr double kSmoothing = 0.2;

  GradientLimit(int64_t min, int64_t max) { SetRange(min, max); }

  void SetRange(int64_t min, int64_t max);

  // A call took so long until it was answered, or cut off. So many were in the air when it ended,
  // itself included.
  void Add(base::Instant now, absl::Duration took, int64_t in_flight, bool answered);

  // The limit is no less, or `max`, until calls move it. For when none ends that could.
  void Raise(int64_t least);

  int64_t limit() const { return static_cast<int64_t>(limit_); }

 private:
  void EndWindow(base::Instant now);
  void Learn(base::Instant now, double latest);

  double min_ = 1;
  double max_ = 1;
  double limit_ = kFirst;
  double long_ = 0;        // seconds
  int64_t windows_ = 0;    // that `long_` is the mean of, at first
  int64_t queued_ = 0;     // windows in a row in which calls queued
  bool probes_ = false;    // the limit is `min_` for a while
  base::Instant probed_;   // since then
  base::Instant since_;    // of the window
  int64_t calls_ = 0;      // of the window
  double seconds_ = 0;     // likewise, all together
  int64_t in_flight_ = 0;  // likewise, at most
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_CONCURRENCY_LIMIT_H_
