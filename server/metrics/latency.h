// How long things took: a histogram of durations whose buckets are those of the process.

#ifndef SINGLEFLIGHT_SERVER_METRICS_LATENCY_H_
#define SINGLEFLIGHT_SERVER_METRICS_LATENCY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "server/metrics/cell.h"

namespace singleflight::metrics {

inline constexpr size_t kMostLatencyBounds = 20;

// The upper bounds of the buckets in nanoseconds, ascending. What is above the last has a bucket of
// its own.
struct LatencyBounds {
  std::array<int64_t, kMostLatencyBounds + 1> upto = {};  // the largest number from `count` on
  size_t count = 0;

  // `seconds` ascend, and are no more than kMostLatencyBounds.
  template <typename Seconds>
  static constexpr LatencyBounds Of(const Seconds& seconds) {
    LatencyBounds bounds;
    for (const double bound : seconds) {
      bounds.upto[bounds.count++] = static_cast<int64_t>(bound * 1e9 + 0.5);
    }
    for (size_t i = bounds.count; i < bounds.upto.size(); ++i) {
      bounds.upto[i] = std::numeric_limits<int64_t>::max();
    }
    return bounds;
  }
};

inline constexpr std::array kDefaultLatencyBuckets = {
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1,     0.25,   0.5,     1.0,    2.5,   5.0,    10.0,  30.0, 60.0};  // in seconds
inline constexpr LatencyBounds kDefaultLatencyBounds = LatencyBounds::Of(kDefaultLatencyBuckets);

// Threads: as its cells. `bounds` outlive it.
class LatencyHistogram {
 public:
  explicit LatencyHistogram(const LatencyBounds& bounds) : bounds_(bounds) {}

  void Observe(int64_t nanoseconds) {
    size_t bucket = 0;
    while (nanoseconds > bounds_.upto[bucket]) ++bucket;
    buckets_[bucket].Add();
    sum_.Add(static_cast<uint64_t>(nanoseconds));
  }

  const LatencyBounds& bounds() const { return bounds_; }

  // How many are at most bounds().upto[at], and above the bound before.
  uint64_t bucket(size_t at) const { return buckets_[at].value(); }
  uint64_t count() const {
    uint64_t count = 0;
    for (const Counter& bucket : buckets_) count += bucket.value();
    return count;
  }
  uint64_t sum() const { return sum_.value(); }  // in nanoseconds

 private:
  const LatencyBounds& bounds_;
  std::array<Counter, kMostLatencyBounds + 1> buckets_;
  Counter sum_;
};

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_LATENCY_H_
