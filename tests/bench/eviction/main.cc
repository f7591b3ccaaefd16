// eviction-simulator: what share of requests and bytes eviction policies find in the cache. Exit
// status 0, or 2 if the command line or a trace is bad.

#include <cstdio>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/bench/eviction/options.h"
#include "tests/bench/eviction/report.h"
#include "tests/bench/eviction/simulation.h"
#include "tests/bench/eviction/trace_reader.h"

namespace singleflight::bench {
namespace {

void SimulateTrace(const Trace& trace, const Options& options, std::vector<Row>& rows) {
  std::fprintf(stderr, "%s: %zu requests for %zu objects of %llu bytes, sizes (%%)",
               trace.name.c_str(), trace.requests.size(), trace.objects.size(),
               static_cast<unsigned long long>(trace.DistinctBytes()));
  for (const double size : options.sizes) {
    std::fprintf(stderr, " %g", size);
    rows.push_back(SimulateRow(trace, size, options.policies));
  }
  std::fprintf(stderr, "\n");
}

std::string Report(const Options& options, const std::vector<Row>& rows) {
  switch (options.output) {
    case Options::Output::kTable:
      return TableReport(options.policies, rows);
    case Options::Output::kJson:
      return JsonReport(options.policies, rows);
    case Options::Output::kMarkdown:
      return MarkdownReport(options.policies, rows);
  }
  return "";
}

// One trace in memory at a time.
absl::StatusOr<std::vector<Row>> SimulateAll(const Options& options) {
  std::vector<Row> rows;
  for (const std::string& file : options.files) {
    const absl::StatusOr<Trace> trace = ReadTrace(file);
    if (!trace.ok()) return trace.status();
    SimulateTrace(*trace, options, rows);
  }
  for (const Workload& workload : options.workloads) {
    SimulateTrace(workload.make(workload, options.requests, options.seed), options, rows);
  }
  return rows;
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "eviction-simulator: %s\n", std::string(status.message()).c_str());
  return 2;
}

int Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Options> options = ParseOptions(arguments);
  if (!options.ok()) return Fail(options.status());
  if (options->help) {
    std::fputs(HelpText().c_str(), stdout);
    return 0;
  }
  const absl::StatusOr<std::vector<Row>> rows = SimulateAll(*options);
  if (!rows.ok()) return Fail(rows.status());
  std::fputs(Report(*options, *rows).c_str(), stdout);
  return 0;
}

}  // namespace
}  // namespace singleflight::bench

int main(int argc, char** argv) {
  return singleflight::bench::Main(std::vector<std::string>(argv + 1, argv + argc));
}
