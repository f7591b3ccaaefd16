// The bounds of one upstream that all loops share.
#ifndef SINGLEFLIGHT_SERVER_CORE_UPSTREAM_BOUNDS_H_
#define SINGLEFLIGHT_SERVER_CORE_UPSTREAM_BOUNDS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "server/core/call_budget.h"
#include "server/core/release_gate.h"
#include "server/memory/upstream_budget.h"

namespace singleflight::core {

// How many flights an upstream may have, how many bytes its calls may hold, how many released
// callers it gets at a time, how many calls are retries or checks, and how much of each is used. It
// outlives configurations that name the upstream alike; the latest one's bounds hold.
struct UpstreamBounds : memory::UpstreamBudget {
  UpstreamBounds(std::string name, int64_t max_flights, int64_t max_held_bytes,
                 size_t release_concurrency)
      : UpstreamBudget(std::move(name), max_held_bytes),
        max_flights(max_flights),
        release_gate(std::make_shared<ReleaseGate>(release_concurrency)) {}

  std::atomic<int64_t> max_flights;
  std::atomic<int64_t> flights{0};
  std::atomic<int64_t> checks{0};  // Check::kMostAtOnce is their bound
  const std::shared_ptr<ReleaseGate> release_gate;

  // Of the calls of routes with `retry`. The floor has quiet upstreams in mind.
  CallBudget retries{3};
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_UPSTREAM_BOUNDS_H_
