// The spans of one worker that wait for the exporter. It is bounded in spans and in bytes: what
// does not fit is dropped and counted, and nobody waits.
//
// Threads: Put on the worker; the others on any. The lock is held for the time of a push or a swap.

#ifndef SINGLEFLIGHT_SERVER_TRACE_OUTBOX_H_
#define SINGLEFLIGHT_SERVER_TRACE_OUTBOX_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/metrics/cell.h"
#include "server/trace/span.h"
#include "singleflight/mutex.h"

namespace singleflight::trace {

class Outbox {
 public:
  using Spans = std::vector<std::unique_ptr<Span>>;

  struct Bounds {
    size_t spans = 4096;
    size_t bytes = 4u << 20;
    size_t batch = 512;  // so many are worth to be sent before their time
  };

  Outbox() : Outbox(Bounds()) {}
  explicit Outbox(const Bounds& bounds) : bounds_(bounds) {}

  // Called when a batch has come together, on the worker. Set it before the first Put.
  void OnBatch(std::function<void()> on_batch) { on_batch_ = std::move(on_batch); }

  void Put(std::unique_ptr<Span> span);

  // All that wait, in order.
  Spans TakeAll();

  // Spans that found no room.
  uint64_t dropped() const { return dropped_.value(); }

 private:
  bool HasRoomFor(size_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return spans_.size() < bounds_.spans && bytes_ + bytes <= bounds_.bytes;
  }

  const Bounds bounds_;
  std::function<void()> on_batch_;
  metrics::Counter dropped_;  // the worker's

  Mutex mu_;
  Spans spans_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace singleflight::trace

#endif  // SINGLEFLIGHT_SERVER_TRACE_OUTBOX_H_
