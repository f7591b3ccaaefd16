// The cells that everything is counted in. Each is written by one thread, its worker, and read by
// any: a plain load and store, no locked instruction. A scrape sums the cells of all workers
// (ledger.cc tells the whole way).

#ifndef SINGLEFLIGHT_SERVER_METRICS_CELL_H_
#define SINGLEFLIGHT_SERVER_METRICS_CELL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace singleflight::metrics {

// Only grows.
class Counter {
 public:
  void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Goes up and down.
class Gauge {
 public:
  void Add(int64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Holds a gauge one higher for as long as it lives, on the gauge's thread.
class Raised {
 public:
  explicit Raised(Gauge& gauge) : gauge_(gauge) { gauge_.Add(1); }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;
  ~Raised() { gauge_.Add(-1); }

 private:
  Gauge& gauge_;
};

// Counts observations in buckets whose upper bounds are the powers of four from 1 to 65,536, and
// above.
class PowerHistogram {
 public:
  static constexpr std::array<uint64_t, 9> kBounds = {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536};

  void Observe(uint64_t value) {
    size_t bucket = 0;
    while (bucket < kBounds.size() && value > kBounds[bucket]) ++bucket;
    buckets_[bucket].Add();
    sum_.Add(value);
  }
  uint64_t bucket(size_t at) const { return buckets_[at].value(); }
  uint64_t sum() const { return sum_.value(); }

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  Counter sum_;
};

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_CELL_H_
