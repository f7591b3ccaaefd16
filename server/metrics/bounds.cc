#include "server/metrics/bounds.h"

#include <string>

namespace singleflight::metrics {
namespace {

constexpr absl::string_view kNames[kBounds] = {"reset_allowance",
                                               "max_queued_frames",
                                               "continuations",
                                               "max_header_bytes",
                                               "empty_frames",
                                               "protocol_error",
                                               "not_http2",
                                               "handshake_timeout",
                                               "first_request_timeout",
                                               "idle_timeout",
                                               "stall_timeout",
                                               "max_connection_age",
                                               "max_connection_age_grace",
                                               "stall_timeout",
                                               "max_header_bytes",
                                               "max_header_count",
                                               "max_message_bytes",
                                               "max_buffered_bytes",
                                               "stall_timeout",
                                               "client_share",
                                               "client_header_list"};

}  // namespace

absl::string_view NameOf(Bound bound) { return kNames[static_cast<size_t>(bound)]; }

void BoundMetrics::Show(Visitor& visitor) const {
  for (size_t i = 0; i < kBounds; ++i) {
    const Labels labels = {{"reason", std::string(kNames[i])}};
    if (i < static_cast<size_t>(Bound::kStreamStall)) {
      visitor.Count("singleflight_connections_ended_total",
                    "Client connections that a limit or an error of theirs ended.", labels,
                    met_[i].value());
    } else if (i == static_cast<size_t>(Bound::kStreamStall)) {
      visitor.Count("singleflight_streams_ended_total", "Client streams that a limit reset.",
                    labels, met_[i].value());
    } else {
      visitor.Count(
          "singleflight_calls_shed_total",
          "Calls that a limit for clients, or of theirs, answered with RESOURCE_EXHAUSTED.", labels,
          met_[i].value());
    }
  }
}

}  // namespace singleflight::metrics
