#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_WORKLOADS_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_WORKLOADS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/bench/eviction/trace.h"

namespace singleflight::bench {

// A made-up stream of requests; the same arguments give the same trace on every machine.
struct Workload {
  const char* name;
  const char* about;
  Trace (*make)(const Workload& self, size_t requests, uint64_t seed);
  double alpha = 0;  // of the Zipf distribution, where there is one
};

extern const std::vector<Workload>& AllWorkloads();

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_WORKLOADS_H_
