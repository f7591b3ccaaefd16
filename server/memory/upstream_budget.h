// The bound of one upstream for the bytes that its calls hold.
#ifndef SINGLEFLIGHT_SERVER_MEMORY_UPSTREAM_BUDGET_H_
#define SINGLEFLIGHT_SERVER_MEMORY_UPSTREAM_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "server/memory/budget.h"

namespace singleflight::memory {

// What the calls of one upstream hold, on all loops together, and how much they may. HeldBytes
// count against it, and keep it while they do if it is shared. Threads: any.
struct UpstreamBudget : std::enable_shared_from_this<UpstreamBudget> {
  UpstreamBudget(std::string name, int64_t max_held_bytes)
      : name(std::move(name)), max_held_bytes(max_held_bytes) {}

  const std::string name;  // the upstream's
  std::atomic<int64_t> max_held_bytes;

  // By flights, and by replies that are still being written to callers.
  std::atomic<int64_t> held_bytes{0};

  // These bytes count against it as well. Null: none.
  BufferBudget* budget = nullptr;
};

}  // namespace singleflight::memory

#endif  // SINGLEFLIGHT_SERVER_MEMORY_UPSTREAM_BUDGET_H_
