#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_OPTIONS_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/eviction/policy.h"
#include "tests/bench/eviction/workloads.h"

namespace singleflight::bench {

// What the command line asks for.
struct Options {
  enum class Output { kTable, kJson, kMarkdown };

  bool help = false;
  Output output = Output::kTable;
  std::vector<PolicyKind> policies;
  std::vector<double> sizes;
  std::vector<Workload> workloads;
  std::vector<std::string> files;
  size_t requests = 500'000;  // of each workload
  uint64_t seed = 1;
};

std::string HelpText();

// Reads the arguments after the program's name.
absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments);

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_OPTIONS_H_
