#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_SIMULATION_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_SIMULATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/eviction/policy.h"
#include "tests/bench/eviction/trace.h"

namespace singleflight::bench {

// Hit ratios, in per cent.
struct Ratios {
  double requests = 0;
  double bytes = 0;
};

// One trace at one size of cache: a column for each policy.
struct Row {
  std::string trace;
  size_t trace_requests = 0;
  size_t trace_objects = 0;
  double size = 0;  // per cent of the trace's distinct bytes
  uint64_t max_bytes = 0;
  std::vector<Ratios> columns;
};

// Serves all of `trace` from an empty cache.
Ratios Simulate(const Trace& trace, const PolicyKind& kind, uint64_t max_bytes);

Row SimulateRow(const Trace& trace, double size, const std::vector<PolicyKind>& policies);

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_SIMULATION_H_
