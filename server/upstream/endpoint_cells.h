// What a worker counts of one endpoint, what all workers share of it, and the states of an endpoint
// as one worker sees it.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_ENDPOINT_CELLS_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_ENDPOINT_CELLS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/types/optional.h"
#include "server/base/timer_queue.h"
#include "server/metrics/cell.h"
#include "server/wire/status.h"

namespace singleflight::upstream {

enum class EndpointState : uint8_t {
  kIdle,        // no connection, and nothing keeps the next call from making one
  kConnecting,  // the first connection is being made
  kReady,       // connected
  kFailing,     // the latest attempts failed; it is not connected to before a pause is over
  kSilent,      // it answered no PING, and has not been connected to since
};

// The status of the latest call that came back, and when. A cell, as those of metrics/cell.h.
class LatestCode {
 public:
  struct Seen {
    wire::StatusCode code;
    int64_t at_us;  // of the loops' clock, to compare with others
  };

  void Set(wire::StatusCode code, base::Instant at) {
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
    packed_.store(us << kBits | (static_cast<int64_t>(code) + 1), std::memory_order_relaxed);
  }

  // Nothing: none has come back yet.
  absl::optional<Seen> value() const {
    const int64_t packed = packed_.load(std::memory_order_relaxed);
    if (packed == 0) return absl::nullopt;
    return Seen{static_cast<wire::StatusCode>((packed & ((1 << kBits) - 1)) - 1), packed >> kBits};
  }

 private:
  static constexpr int kBits = 5;  // of the code

  std::atomic<int64_t> packed_{0};
};

struct EndpointCells {
  metrics::Counter calls;  // that got a stream there
  metrics::Gauge active;   // of those, now
  metrics::Gauge connections;
  LatestCode latest_code;
};

// What all workers know of one endpoint. Any may write.
struct EndpointShared {
  // Read with every call, written when something happens.
  std::atomic<uint32_t> failures{0};        // in a row (ejection.h)
  std::atomic<bool> unhealthy{false};       // health_check found so; by the control thread
  std::atomic<bool> ejected{false};         // by the control thread
  std::atomic<base::Instant::rep> back{0};  // when the latest ejection ended; 0: there was none

  // Written with every call, where load_balancing or a bound needs it: a cache line of its own.
  alignas(64) std::atomic<int64_t> active{0};   // calls now
  std::atomic<int64_t> slots{0};                // of `concurrency` that calls there have
  std::atomic<base::Instant::rep> answered{0};  // the latest call that Concurrency measured
};

// What a pool is given beside an endpoint.
struct EndpointSeat {
  std::shared_ptr<EndpointCells> cells;    // of the pool's worker
  std::shared_ptr<EndpointShared> shared;  // never null, nor is `cells`
  bool drained = false;                    // taken out by command: it gets no calls
  bool checks_health = false;              // this worker asks whether it serves
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_ENDPOINT_CELLS_H_
