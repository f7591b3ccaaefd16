// What the counts of client connections are called at /metrics. docs/metrics.md and docs/reasons.md
// list them for users, and a test compares those pages with what is shown here.

#include "server/proxy/downstream_metrics.h"

#include <string>

namespace singleflight::proxy {
namespace {

void ShowBound(http2::Bound bound, uint64_t met, metrics::Visitor& visitor) {
  const metrics::Labels labels = {{"reason", std::string(NameOf(bound))}};
  switch (http2::WhatEnds(bound)) {
    case http2::Ends::kConnection:
      return visitor.Count("singleflight_connections_ended_total",
                           "Client connections that a limit or an error of theirs ended.", labels,
                           met);
    case http2::Ends::kStream:
      return visitor.Count("singleflight_streams_ended_total", "Client streams that a limit reset.",
                           labels, met);
    case http2::Ends::kCall:
      return visitor.Count(
          "singleflight_calls_shed_total",
          "Calls that a limit for clients, or of theirs, answered with RESOURCE_EXHAUSTED.", labels,
          met);
  }
}

}  // namespace

void DownstreamMetrics::Show(metrics::Visitor& visitor) const {
  visitor.Count("singleflight_connections_accepted_total", "Client connections accepted.", {},
                connections_accepted.value());
  visitor.Level("singleflight_connections", "Client connections open.", {}, connections.value());
  visitor.Level("singleflight_streams", "Client streams open.", {}, streams.value());
  requests_refused.Show("singleflight_requests_refused_total",
                        "Requests that are no acceptable gRPC call, by what is wrong.", {},
                        visitor);
  visitor.Count("singleflight_requests_unrouted_total", "Calls that no route matches.", {},
                requests_unrouted.value());
  visitor.Count("grpc_server_call_started_total", "Calls that began, by method.",
                {{"grpc_method", "other"}}, requests_unrouted.value());
  tls_handshakes.Show("singleflight_tls_handshakes_total",
                      "TLS handshakes with clients, by result.", {}, visitor, "result");
  visitor.Count("singleflight_stream_resets_total", "Streams that clients reset.", {},
                resets.value());
  visitor.Count("singleflight_access_log_lines_total", "Calls that the access log tells of.", {},
                access_log_lines.value());
  bounds.ForEach([&](http2::Bound bound, uint64_t met) { ShowBound(bound, met, visitor); });
}

}  // namespace singleflight::proxy
