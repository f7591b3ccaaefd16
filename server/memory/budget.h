// The process's bound for the memory that calls take.
#ifndef SINGLEFLIGHT_SERVER_MEMORY_BUDGET_H_
#define SINGLEFLIGHT_SERVER_MEMORY_BUDGET_H_

#include <atomic>
#include <cstdint>

#include "server/memory/client.h"

namespace singleflight::memory {

// The memory that the process holds for calls, against one bound: requests and replies of flights,
// requests that are being collected, what is between the two ends of relays, and what each call
// takes itself (footprint.h). What many callers share counts once.
// Threads: any.
class BufferBudget {
 public:
  explicit BufferBudget(uint64_t max_bytes) : max_(static_cast<int64_t>(max_bytes)) {}

  void set_max(uint64_t max_bytes) { max_.store(static_cast<int64_t>(max_bytes), kRelaxed); }
  int64_t max() const { return max_.load(kRelaxed); }

  void Add(int64_t bytes) { bytes_.fetch_add(bytes, kRelaxed); }
  int64_t bytes() const { return bytes_.load(kRelaxed); }

  // Whether there is no room for new calls.
  bool spent() const { return bytes() > max(); }

  // Whether there is none for new calls of `client`. Null: nobody's.
  bool PastShare(const Client* client) const {
    return client != nullptr && memory::PastShare(client->buffered.load(kRelaxed), bytes(), max());
  }

 private:
  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> max_;
};

}  // namespace singleflight::memory

#endif  // SINGLEFLIGHT_SERVER_MEMORY_BUDGET_H_
