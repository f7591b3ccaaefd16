// Made-up traces, each with one trait that caches are weak or strong at.

#include "tests/bench/eviction/workloads.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "absl/strings/str_cat.h"

namespace singleflight::bench {
namespace {

constexpr size_t kObjects = 50'000;
constexpr uint32_t kBytes = 1024;

// The standard's distributions differ between libraries; these do not.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  double Unit() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  uint32_t Between(double low, double high) {  // evenly over the logarithm
    return static_cast<uint32_t>(low * std::pow(high / low, Unit()));
  }

 private:
  std::mt19937_64 engine_;
};

// Ranks from 0, the k-th with a probability proportional to (k + 1)^-alpha.
class Zipf {
 public:
  Zipf(size_t ranks, double alpha) : sums_(ranks) {
    double sum = 0;
    for (size_t k = 0; k < ranks; ++k) sums_[k] = sum += std::pow(k + 1.0, -alpha);
  }
  size_t Next(Random& random) const {
    const double at = random.Unit() * sums_.back();
    return std::upper_bound(sums_.begin(), sums_.end() - 1, at) - sums_.begin();
  }

 private:
  std::vector<double> sums_;
};

std::string Key(absl::string_view kind, uint64_t number) { return absl::StrCat(kind, number); }

Trace MakeZipf(const Workload& self, size_t requests, uint64_t seed) {
  TraceBuilder trace(self.name);
  Random random(seed);
  const Zipf zipf(kObjects, self.alpha);
  for (size_t i = 0; i < requests; ++i) trace.Add(Key("z", zipf.Next(random)), kBytes);
  return std::move(trace).Build();
}

// Every tenth of the time, for as long as it takes, keys that nobody asks for twice.
Trace MakeScan(const Workload& self, size_t requests, uint64_t seed) {
  TraceBuilder trace(self.name);
  Random random(seed);
  const Zipf zipf(kObjects, self.alpha);
  const size_t period = requests / 10;
  for (size_t i = 0; i < requests; ++i) {
    const bool scans = i % period >= period * 7 / 10;
    trace.Add(scans ? Key("s", i) : Key("z", zipf.Next(random)), kBytes);
  }
  return std::move(trace).Build();
}

// Half of the requests go round and round over keys of their own.
Trace MakeLoop(const Workload& self, size_t requests, uint64_t seed) {
  TraceBuilder trace(self.name);
  Random random(seed);
  const Zipf zipf(kObjects, self.alpha);
  size_t place = 0;
  for (size_t i = 0; i < requests; ++i) {
    const bool loops = random.Unit() < 0.5;
    const size_t key = loops ? place++ % (kObjects / 10) : zipf.Next(random);
    trace.Add(Key(loops ? "l" : "z", key), kBytes);
  }
  return std::move(trace).Build();
}

// The most popular key of now is forgotten step by step, as others take the ranks before it.
Trace MakeShifting(const Workload& self, size_t requests, uint64_t seed) {
  TraceBuilder trace(self.name);
  Random random(seed);
  const Zipf zipf(kObjects, self.alpha);
  for (size_t i = 0; i < requests; ++i) {
    const size_t newcomers = i / 10;
    trace.Add(Key("k", zipf.Next(random) + requests - newcomers), kBytes);
  }
  return std::move(trace).Build();
}

// One request in ten is for a large object (64 KiB to 1 MiB), the others for small ones.
Trace MakeMixedSizes(const Workload& self, size_t requests, uint64_t seed) {
  TraceBuilder trace(self.name);
  Random random(seed);
  const Zipf small(kObjects, self.alpha), large(kObjects / 10, self.alpha);
  std::vector<uint32_t> small_bytes, large_bytes;
  for (size_t i = 0; i < kObjects; ++i) small_bytes.push_back(random.Between(200, 8'000));
  for (size_t i = 0; i < kObjects / 10; ++i) large_bytes.push_back(random.Between(65'536, 1 << 20));
  for (size_t i = 0; i < requests; ++i) {
    const bool is_large = random.Unit() < 0.1;
    const size_t key = (is_large ? large : small).Next(random);
    trace.Add(Key(is_large ? "L" : "s", key), (is_large ? large_bytes : small_bytes)[key]);
  }
  return std::move(trace).Build();
}

}  // namespace

const std::vector<Workload>& AllWorkloads() {
  static const auto& workloads = *new std::vector<Workload>{
      {"zipf-0.7", "50,000 objects of 1 KiB, Zipf with alpha 0.7", MakeZipf, 0.7},
      {"zipf-0.9", "the same with alpha 0.9", MakeZipf, 0.9},
      {"zipf-1.1", "the same with alpha 1.1", MakeZipf, 1.1},
      {"scan", "zipf-0.9; three tenths of the time, scans of keys used once", MakeScan, 0.9},
      {"loop", "half zipf-0.9, half a loop over 5,000 more objects", MakeLoop, 0.9},
      {"shifting", "Zipf 0.9; every ten requests a new object becomes the most popular",
       MakeShifting, 0.9},
      {"mixed-sizes",
       "Zipf 0.9; 10 % of requests for objects of 64 KiB to 1 MiB, others 0.2 to 8 kB",
       MakeMixedSizes, 0.9},
  };
  return workloads;
}

}  // namespace singleflight::bench
