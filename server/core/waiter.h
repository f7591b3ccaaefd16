#ifndef SINGLEFLIGHT_SERVER_CORE_WAITER_H_
#define SINGLEFLIGHT_SERVER_CORE_WAITER_H_

#include <memory>
#include <string>

#include "server/base/loop.h"
#include "server/core/upstream.h"
#include "server/metrics/worker_metrics.h"
#include "server/model/key.h"
#include "server/model/reply.h"
#include "singleflight/async_group.h"

namespace singleflight::core {

class Flight;

using SharedReply = std::shared_ptr<const model::Reply>;

// The flights in the air, shared by all loops. The context of a flight is the flight itself:
// whoever leaves last tells it.
using FlightTable = AsyncGroup<model::Key, SharedReply, std::shared_ptr<Flight>, model::KeyHash>;

// A live upstream call that its flight could not share, with what has arrived so far.
struct Takeover {
  std::unique_ptr<UpstreamCall> call;
  absl::optional<model::Headers> initial;  // ready for a caller; nothing: it has not come yet
  std::string body;                        // consumed from the stream's window already
};

// One caller aboard a flight. Exactly one of the three is called, once, on the waiter's own loop,
// unless ReadPath::Leave said that it had left.
class Waiter : public FlightTable::Waiter {
 public:
  explicit Waiter(base::Loop& loop) : loop_(loop) {}

  // The flight landed.
  virtual void OnReply(const SharedReply& reply) = 0;

  // The leader alone: the reply is a stream or too large to share; go on with the call yourself.
  virtual void OnTakeover(Takeover takeover) = 0;

  // The flight could not be shared with you: make your own call, through the upstream's release
  // gate. `message` is the request's, which is the same for all aboard.
  virtual void OnReleased(const base::Slice& message) = 0;

  base::Loop& loop() const { return loop_; }

 private:
  // Only a flight that is destroyed in the air lands this way, and no flight is.
  void OnLanded(const SharedReply* result) final;

  base::Loop& loop_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_WAITER_H_
