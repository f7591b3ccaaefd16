// What one worker counts of one upstream.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_UPSTREAM_METRICS_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_UPSTREAM_METRICS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/core/unanswered.h"
#include "server/metrics/by_reason.h"
#include "server/metrics/cell.h"
#include "server/metrics/latency.h"
#include "server/metrics/visitor.h"
#include "server/upstream/breaker.h"
#include "server/upstream/overload_refusal.h"
#include "server/upstream/reply_refusal.h"
#include "server/upstream/waits.h"
#include "server/wire/status.h"

namespace singleflight::upstream {

// Every call that begins is, once it has ended, counted once: by its status or as one without, or
// in `unanswered`. A flight that sends its call once more begins another.
struct UpstreamMetrics {
  using Bounds = metrics::LatencyBounds;
  explicit UpstreamMetrics(const Bounds& bounds = metrics::kDefaultLatencyBounds)
      : first_byte(bounds), whole(bounds) {}

  metrics::Counter begun;
  metrics::CountersBy<wire::StatusCode> calls;       // by the status that came back
  metrics::Counter calls_without_status;             // whole replies that had none
  metrics::CountersBy<core::Unanswered> unanswered;  // by what ended them
  metrics::LatencyHistogram first_byte;              // from the begin to a reply's first block
  metrics::LatencyHistogram whole;                   // from the begin to the end, whatever it was
  metrics::Gauge active;                             // calls that have a stream
  metrics::Gauge pending;                            // calls that wait for one
  metrics::Counter resent;
  metrics::CountersBy<ReplyRefusal> replies_refused;
  metrics::CountersBy<BreakerBound> breaker_refused;
  metrics::CountersBy<OverloadRefusal> overload_refused;
  metrics::Counter connects;
  metrics::Counter connect_failures;
  metrics::Counter tls_handshakes_full;
  metrics::Counter tls_handshakes_resumed;
  metrics::Gauge connections;
  metrics::Counter pings;
  metrics::Counter connections_silent;
  metrics::Counter to_ejected;
  Waits waits;  // calls without a first byte

  void Show(const std::string& upstream, metrics::Visitor& visitor) const;

 private:
  void ShowCalls(const std::string& upstream, metrics::Visitor& visitor) const;
  void ShowHandshakes(const std::string& upstream, metrics::Visitor& visitor) const;
};

// How long the call that has waited longest for its first byte has waited; zero: none waits.
absl::Duration LongestWait(const std::vector<std::shared_ptr<UpstreamMetrics>>& by_worker,
                           base::Instant now);

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_UPSTREAM_METRICS_H_
