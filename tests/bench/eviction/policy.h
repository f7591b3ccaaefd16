#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_POLICY_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_POLICY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "tests/bench/eviction/trace.h"

namespace singleflight::bench {

// A cache of objects' names within a budget of bytes. What a policy keeps beside the objects is not
// counted, except by the product's. Objects of more than the budget are never kept.
class Policy {
 public:
  virtual ~Policy() = default;

  // Serves one request; whether it was a hit.
  virtual bool Ask(uint32_t object) = 0;
};

// `objects` outlives the policy.
using Objects = std::vector<Object>;

// Least recently used.
std::unique_ptr<Policy> MakeLru(const Objects& objects, uint64_t max_bytes);

// SIEVE: Zhang and others, "SIEVE is Simpler than LRU", NSDI 2024.
std::unique_ptr<Policy> MakeSieve(const Objects& objects, uint64_t max_bytes);

// S3-FIFO: Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023.
std::unique_ptr<Policy> MakeS3Fifo(const Objects& objects, uint64_t max_bytes);

// W-TinyLFU: Einziger and others, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM TOS
// 2017, with the window sized by hill climbing ("Adaptive Software Cache Management", Middleware
// 2018) and weights as Caffeine has them.
std::unique_ptr<Policy> MakeTinyLfu(const Objects& objects, uint64_t max_bytes);

// The product's cache::Eviction.
std::unique_ptr<Policy> MakeProduct(const Objects& objects, uint64_t max_bytes);

struct PolicyKind {
  const char* name;
  std::unique_ptr<Policy> (*make)(const Objects& objects, uint64_t max_bytes);
};
extern const std::vector<PolicyKind>& AllPolicies();

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_POLICY_H_
