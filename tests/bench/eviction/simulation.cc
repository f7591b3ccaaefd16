#include "tests/bench/eviction/simulation.h"

namespace singleflight::bench {
namespace {

double PerCent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Ratios Simulate(const Trace& trace, const PolicyKind& kind, uint64_t max_bytes) {
  const std::unique_ptr<Policy> policy = kind.make(trace.objects, max_bytes);
  uint64_t hits = 0, hit_bytes = 0, bytes = 0;
  for (const uint32_t object : trace.requests) {
    bytes += trace.objects[object].bytes;
    if (!policy->Ask(object)) continue;
    ++hits;
    hit_bytes += trace.objects[object].bytes;
  }
  return {PerCent(hits, trace.requests.size()), PerCent(hit_bytes, bytes)};
}

Row SimulateRow(const Trace& trace, double size, const std::vector<PolicyKind>& policies) {
  Row row{trace.name, trace.requests.size(), trace.objects.size(), size, 0, {}};
  row.max_bytes = static_cast<uint64_t>(static_cast<double>(trace.DistinctBytes()) * size / 100);
  for (const PolicyKind& kind : policies) {
    row.columns.push_back(Simulate(trace, kind, row.max_bytes));
  }
  return row;
}

}  // namespace singleflight::bench
