// Requests for objects of known sizes, as policies are shown them.

#ifndef SINGLEFLIGHT_TESTS_BENCH_EVICTION_TRACE_H_
#define SINGLEFLIGHT_TESTS_BENCH_EVICTION_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace singleflight::bench {

struct Object {
  uint64_t hash = 0;
  uint32_t bytes = 0;
};

// Requests in order, as indexes of the objects that they ask for. Objects are numbered by first
// appearance, so that policies keep their state in plain arrays.
struct Trace {
  std::string name;
  std::vector<Object> objects;
  std::vector<uint32_t> requests;

  uint64_t DistinctBytes() const;
};

// Builds a trace from keys of any form. An object keeps the size that it came with first.
class TraceBuilder {
 public:
  explicit TraceBuilder(std::string name) { trace_.name = std::move(name); }

  void Add(absl::string_view key, uint32_t bytes);
  size_t requests() const { return trace_.requests.size(); }

  // A trace without sizes (all of them 1) gets objects of 1 KiB.
  Trace Build() &&;

 private:
  Trace trace_;
  absl::flat_hash_map<std::string, uint32_t> index_;
};

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_EVICTION_TRACE_H_
