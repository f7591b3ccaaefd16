// What one loop has of the process's memory for calls.
#ifndef SINGLEFLIGHT_SERVER_MEMORY_BUFFERED_H_
#define SINGLEFLIGHT_SERVER_MEMORY_BUFFERED_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "server/base/block_bytes.h"
#include "server/base/slice.h"
#include "server/memory/budget.h"
#include "server/metrics/cell.h"

namespace singleflight::memory {

// One loop's part of the budget: what it holds is known here immediately, and there in steps of
// 64 KiB, so that chunks which come and go cost no shared write.
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

  // A part that belongs to something else, and is counted as long as it lives.
  class Part {
   public:
    explicit Part(Buffered& buffered, int64_t bytes = 0) : buffered_(buffered) { Set(bytes); }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;
    ~Part() { Set(0); }

    void Set(int64_t bytes) {
      if (bytes != bytes_) buffered_.Add(bytes - std::exchange(bytes_, bytes));
    }

   private:
    Buffered& buffered_;
    int64_t bytes_ = 0;
  };

  // `bytes`, counted until nobody reads them any more.
  base::Slice Hold(std::string bytes) {
    const auto chunk = std::make_shared<const Chunk>(*this, std::move(bytes));
    return base::Slice(chunk, chunk->bytes);
  }

 private:
  static constexpr int64_t kStep = 64 << 10;

  struct Chunk {
    Chunk(Buffered& buffered, std::string bytes) : buffered(buffered), bytes(std::move(bytes)) {
      buffered.Add(footprint());
    }
    ~Chunk() { buffered.Add(-footprint()); }
    int64_t footprint() const {
      constexpr size_t kCounts = 2 * sizeof(void*);  // of references to it
      return static_cast<int64_t>(base::BlockBytes(sizeof(Chunk) + kCounts) +
                                  base::BlockBytesOf(bytes));
    }
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

}  // namespace singleflight::memory

#endif  // SINGLEFLIGHT_SERVER_MEMORY_BUFFERED_H_
