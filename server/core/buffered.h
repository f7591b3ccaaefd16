#ifndef SINGLEFLIGHT_SERVER_CORE_BUFFERED_H_
#define SINGLEFLIGHT_SERVER_CORE_BUFFERED_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "server/base/slice.h"
#include "server/metrics/cell.h"

namespace singleflight::core {

// The bytes that the process holds for calls, against one bound: requests and replies of flights,
// requests that are being collected, and what is between the two ends of relays. Bytes that many
// callers share count once.
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

 private:
  static constexpr std::memory_order kRelaxed = std::memory_order_relaxed;

  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> max_;
};

// One loop's part of the budget: what it holds is known here at once, and there in steps of 64 KiB,
// so that chunks which come and go cost no shared write.
// Threads: its loop's. Must outlive what it holds.
class Buffered {
 public:
  explicit Buffered(BufferBudget& budget) : budget_(budget) {}
  Buffered(const Buffered&) = delete;
  Buffered& operator=(const Buffered&) = delete;
  ~Buffered() { Tell(); }

  // What the budget does not know yet. From any thread.
  int64_t untold() const { return untold_.value(); }

  BufferBudget& budget() { return budget_; }

  void Add(int64_t bytes) {
    untold_.Add(bytes);
    if (untold() >= kStep || untold() <= -kStep) Tell();
  }

  // `bytes`, counted until nobody reads them any more.
  base::Slice Hold(std::string bytes) {
    const auto chunk = std::make_shared<const Chunk>(*this, std::move(bytes));
    return base::Slice(chunk, chunk->bytes);
  }

 private:
  static constexpr int64_t kStep = 64 << 10;

  struct Chunk {
    Chunk(Buffered& buffered, std::string bytes) : buffered(buffered), bytes(std::move(bytes)) {
      buffered.Add(static_cast<int64_t>(this->bytes.size()));
    }
    ~Chunk() { buffered.Add(-static_cast<int64_t>(bytes.size())); }
    Buffered& buffered;
    const std::string bytes;
  };

  void Tell() {
    const int64_t bytes = untold();
    untold_.Add(-bytes);
    budget_.Add(bytes);
  }

  BufferBudget& budget_;
  metrics::Gauge untold_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_BUFFERED_H_
