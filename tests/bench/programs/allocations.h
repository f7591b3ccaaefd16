#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_ALLOCATIONS_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_ALLOCATIONS_H_

#include <benchmark/benchmark.h>

#include <cstdint>

#include "tests/lib/allocations.h"

namespace singleflight::bench {

// Reports how many allocations a benchmark makes for each iteration while this lives, as
// `allocations`; one for each thread. Rounded down, as Go's tests do it: what is set up once is no
// cost of a call.
class CountAllocations {
 public:
  explicit CountAllocations(benchmark::State& state)
      : state_(state), before_(AllocationsOfThisThread()) {}
  ~CountAllocations() {
    const uint64_t made = AllocationsOfThisThread() - before_;
    const auto a_call = static_cast<double>(made / static_cast<uint64_t>(state_.iterations()));
    state_.counters["allocations"] = benchmark::Counter(a_call, benchmark::Counter::kAvgThreads);
  }
  CountAllocations(const CountAllocations&) = delete;
  CountAllocations& operator=(const CountAllocations&) = delete;

 private:
  benchmark::State& state_;
  const uint64_t before_;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_ALLOCATIONS_H_
