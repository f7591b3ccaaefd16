// What the counts of an upstream are called at /metrics. docs/metrics.md and docs/reasons.md list
// them for users, and a test compares those pages with what is shown here.

#include "server/upstream/upstream_metrics.h"

#include <algorithm>

namespace singleflight::upstream {
namespace {

using metrics::Counter;
using metrics::Gauge;
using metrics::Labels;

template <typename Cell>
struct Row {
  absl::string_view name;
  absl::string_view help;
  Cell UpstreamMetrics::*cell;
};

constexpr Row<Counter> kCounts[] = {
    {"singleflight_upstream_calls_begun_total",
     "Upstream calls; those answered and unanswered, active and pending add up to it.",
     &UpstreamMetrics::begun},
    {"singleflight_upstream_calls_resent_total",
     "Calls sent again because upstream had not started or had lost them.",
     &UpstreamMetrics::resent},
    {"singleflight_upstream_connects_total", "Connections that became ready.",
     &UpstreamMetrics::connects},
    {"singleflight_upstream_connect_failures_total", "Connections that did not become ready.",
     &UpstreamMetrics::connect_failures},
    {"singleflight_upstream_pings_total",
     "PINGs that were sent because calls waited and nothing came.", &UpstreamMetrics::pings},
    {"singleflight_upstream_connections_silent_total",
     "Connections that were ended because nothing came after a PING.",
     &UpstreamMetrics::connections_silent},
    {"singleflight_upstream_calls_to_ejected_total",
     "Calls that went to an ejected endpoint because no other could be reached.",
     &UpstreamMetrics::to_ejected},
};

constexpr Row<Gauge> kLevels[] = {
    {"singleflight_upstream_calls_active", "Upstream calls in the air.", &UpstreamMetrics::active},
    {"singleflight_upstream_calls_pending", "Calls that wait for a connection or a stream.",
     &UpstreamMetrics::pending},
    {"singleflight_upstream_connections", "Connections that are ready.",
     &UpstreamMetrics::connections},
};

}  // namespace

void UpstreamMetrics::Show(const std::string& upstream, metrics::Visitor& visitor) const {
  const Labels labels = {{"upstream", upstream}};
  for (const auto& row : kCounts)
    visitor.Count(row.name, row.help, labels, (this->*row.cell).value());
  for (const auto& row : kLevels)
    visitor.Level(row.name, row.help, labels, (this->*row.cell).value());
  visitor.Latency("singleflight_upstream_first_byte_seconds",
                  "From the begin of an upstream call to the first byte of its reply.", labels,
                  first_byte);
  visitor.Latency("singleflight_upstream_call_duration_seconds",
                  "From the begin of an upstream call to its end, answered or not.", labels, whole);
  ShowCalls(upstream, visitor);
  ShowHandshakes(upstream, visitor);
}

void UpstreamMetrics::ShowCalls(const std::string& upstream, metrics::Visitor& visitor) const {
  constexpr absl::string_view kName = "singleflight_upstream_calls_total";
  constexpr absl::string_view kHelp = "Upstream calls that the backend answered, by status.";
  const Labels labels = {{"upstream", upstream}};
  calls.Show(kName, kHelp, labels, visitor, "code");
  visitor.Count(kName, kHelp, {{"upstream", upstream}, {"code", "none"}},
                calls_without_status.value());
  unanswered.Show("singleflight_upstream_unanswered_total",
                  "Upstream calls that the backend did not answer, by what ended them.", labels,
                  visitor);
  replies_refused.Show("singleflight_upstream_replies_refused_total",
                       "Replies whose beginning or end was not taken, by reason.", labels, visitor);
  breaker_refused.Show("singleflight_upstream_breaker_refused_total",
                       "Calls that met a bound of the breaker; by `connections`, those that wait.",
                       labels, visitor, "bound");
  overload_refused.Show("singleflight_upstream_overload_refused_total",
                        "Calls that got no slot of `concurrency`, by reason.", labels, visitor);
}

void UpstreamMetrics::ShowHandshakes(const std::string& upstream, metrics::Visitor& visitor) const {
  const auto show = [&](const std::string& result, const Counter& counter) {
    visitor.Count("singleflight_upstream_tls_handshakes_total",
                  "TLS handshakes with backends that succeeded, by result.",
                  {{"upstream", upstream}, {"result", result}}, counter.value());
  };
  show("full", tls_handshakes_full);
  show("resumed", tls_handshakes_resumed);
}

absl::Duration LongestWait(const std::vector<std::shared_ptr<UpstreamMetrics>>& by_worker,
                           base::Instant now) {
  absl::Duration longest = absl::ZeroDuration();
  for (const auto& cells : by_worker) {
    const absl::optional<base::Instant> since = cells->waits.oldest();
    if (since.has_value()) longest = std::max(longest, absl::FromChrono(now - *since));
  }
  return longest;
}

}  // namespace singleflight::upstream
