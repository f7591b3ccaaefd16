// What one worker counts of its client connections, and of requests that no route took.

#ifndef SINGLEFLIGHT_SERVER_PROXY_DOWNSTREAM_METRICS_H_
#define SINGLEFLIGHT_SERVER_PROXY_DOWNSTREAM_METRICS_H_

#include "server/http2/bound.h"
#include "server/metrics/by_reason.h"
#include "server/metrics/cell.h"
#include "server/metrics/visitor.h"
#include "server/model/refused.h"
#include "server/tls/handshake.h"

namespace singleflight::proxy {

struct DownstreamMetrics {
  metrics::Counter connections_accepted;
  metrics::Gauge connections;
  metrics::Gauge streams;
  metrics::CountersBy<model::Refused> requests_refused;
  metrics::Counter requests_unrouted;  // no route matches
  metrics::CountersBy<tls::Handshake> tls_handshakes;
  metrics::Counter resets;                   // streams that clients reset
  metrics::CountersBy<http2::Bound> bounds;  // limits that clients met
  metrics::Counter access_log_lines;         // calls that the access log tells of

  void Show(metrics::Visitor& visitor) const;
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_DOWNSTREAM_METRICS_H_
