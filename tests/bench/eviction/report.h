#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_REPORT_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_REPORT_H_

#include <string>
#include <vector>

#include "tests/bench/eviction/policy.h"
#include "tests/bench/eviction/simulation.h"

namespace singleflight::bench {

// Tables of hit ratios by requests, then by bytes, each with the mean of every policy and, where
// `lru` is among them, in how many rows the policy is above it and how far it falls short at worst.
std::string TableReport(const std::vector<PolicyKind>& policies, const std::vector<Row>& rows);
std::string MarkdownReport(const std::vector<PolicyKind>& policies, const std::vector<Row>& rows);

// A list with one object for each trace, size and policy.
std::string JsonReport(const std::vector<PolicyKind>& policies, const std::vector<Row>& rows);

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_REPORT_H_
