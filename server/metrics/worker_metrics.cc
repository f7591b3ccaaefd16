// What each count is called at /metrics, and the words for its reasons. docs/metrics.md and
// docs/reasons.md list them for users, and a test compares those pages with what is shown here.

#include "server/metrics/worker_metrics.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace singleflight::metrics {
namespace {

constexpr absl::string_view kBypassNames[kBypasses] = {
    "second_message",   "open_ended",  "request_too_large", "no_message",
    "streaming_method", "large_reply", "slow_request",      "kept_encoding"};

constexpr absl::string_view kReleaseNames[] = {"reply_streams", "reply_too_large", "reply_private",
                                               "reply_encoding", "leader_refused"};
static_assert(std::size(kReleaseNames) == kReleases);

constexpr absl::string_view kGateRefusalNames[kGateRefusals] = {"flight_timeout", "queue_full"};

constexpr absl::string_view kRefusedNames[] = {"malformed", "method",  "content_type",
                                               "authority", "host",    "scheme",
                                               "path",      "timeout", "binary"};
static_assert(std::size(kRefusedNames) == kRefusedReasons);

constexpr absl::string_view kHandshakeNames[] = {"full", "resumed", "failed", "timed_out"};
static_assert(std::size(kHandshakeNames) == kHandshakes);

constexpr absl::string_view kRefusalNames[kStoreRefusals] = {
    "status", "not_whole", "vary",   "no_store",   "private",     "stale",
    "tags",   "too_large", "purged", "superseded", "not_admitted"};

constexpr absl::string_view kInflationRefusalNames[kInflationRefusals] = {"encoding", "corrupt",
                                                                          "past_bound", "no_room"};

constexpr absl::string_view kReplyRefusalNames[kReplyRefusals] = {"max_reply_header_bytes",
                                                                  "malformed", "binary"};

constexpr absl::string_view kOutcomeNames[kCallOutcomes] = {"OK",
                                                            "CANCELLED",
                                                            "UNKNOWN",
                                                            "INVALID_ARGUMENT",
                                                            "DEADLINE_EXCEEDED",
                                                            "NOT_FOUND",
                                                            "ALREADY_EXISTS",
                                                            "PERMISSION_DENIED",
                                                            "RESOURCE_EXHAUSTED",
                                                            "FAILED_PRECONDITION",
                                                            "ABORTED",
                                                            "OUT_OF_RANGE",
                                                            "UNIMPLEMENTED",
                                                            "INTERNAL",
                                                            "UNAVAILABLE",
                                                            "DATA_LOSS",
                                                            "UNAUTHENTICATED",
                                                            "none"};

constexpr absl::string_view kUnansweredNames[] = {
    "deadline",  "flight_timeout", "cancelled",         "bound",
    "reset",     "refused",        "connection_lost",   "ping_timeout",
    "malformed", "unreachable",    "max_pending_calls", "client_share"};
static_assert(std::size(kUnansweredNames) == kUnanswered);

}  // namespace

absl::string_view NameOf(Bypass why) { return kBypassNames[static_cast<size_t>(why)]; }
absl::string_view NameOf(Release why) { return kReleaseNames[static_cast<size_t>(why)]; }
absl::string_view NameOf(GateRefusal why) { return kGateRefusalNames[static_cast<size_t>(why)]; }

void InflationMetrics::Show(const std::string& route, const std::string& of,
                            Visitor& visitor) const {
  visitor.Count("singleflight_inflations_total", "Compressed messages that were inflated.",
                {{"route", route}, {"of", of}}, inflated.value());
  for (size_t i = 0; i < kInflationRefusals; ++i) {
    visitor.Count(
        "singleflight_inflation_refusals_total",
        "Compressed messages that had to be inflated and could not be, by reason.",
        {{"route", route}, {"of", of}, {"reason", std::string(kInflationRefusalNames[i])}},
        refusals[i].value());
  }
}

WorkerMetrics::WorkerMetrics(size_t routes, size_t upstreams)
    : downstream(std::make_shared<DownstreamMetrics>()) {
  for (size_t i = 0; i < routes; ++i) this->routes.push_back(std::make_shared<RouteMetrics>());
  for (size_t i = 0; i < upstreams; ++i) {
    this->upstreams.push_back(std::make_shared<UpstreamMetrics>());
  }
}

void RouteMetrics::Show(const std::string& route, Visitor& visitor) const {
  visitor.Count("singleflight_calls_total", "Calls that a route took.", {{"route", route}},
                calls.value());
  const auto role = [&](absl::string_view name, absl::string_view reason, const Counter& counter) {
    visitor.Count("singleflight_calls_by_role_total",
                  "Calls by what became of them; the roles of a route add up to its calls.",
                  {{"route", route}, {"role", std::string(name)}, {"reason", std::string(reason)}},
                  counter.value());
  };
  role("hit", "", hits);
  role("leader", "", leaders);
  role("follower", "", followers);
  role("relay", "", relays);
  role("departed", "", departed);
  for (size_t i = 0; i < kBypasses; ++i) role("bypass", kBypassNames[i], bypasses[i]);
  visitor.Count("singleflight_calls_saved_total",
                "Callers that were served without an upstream call of their own.",
                {{"route", route}}, saved.value());
  visitor.Count(
      "singleflight_flights_superseded_total",
      "Flights that took no more callers because of max_join_age, max_waiters or a purge.",
      {{"route", route}}, superseded.value());
  visitor.Count("singleflight_deadline_exceeded_total",
                "Callers whose deadline passed while they waited here.", {{"route", route}},
                deadline_exceeded.value());
  visitor.Count("singleflight_resource_exhausted_total",
                "Flights that a bound of this program refused.", {{"route", route}},
                resource_exhausted.value());
  for (size_t i = 0; i < kReleases; ++i) {
    visitor.Count("singleflight_waiters_released_total",
                  "Waiters that were released to make their own calls.",
                  {{"route", route}, {"reason", std::string(kReleaseNames[i])}},
                  released[i].value());
  }
  for (size_t i = 0; i < kGateRefusals; ++i) {
    visitor.Count("singleflight_release_refusals_total",
                  "Released waiters that were refused before they could make their own calls.",
                  {{"route", route}, {"reason", std::string(kGateRefusalNames[i])}},
                  release_refusals[i].value());
  }
  visitor.Count("singleflight_cache_stores_total", "Replies that were kept.", {{"route", route}},
                stores.value());
  visitor.Count("singleflight_cache_invalidations_total",
                "Groups that replies told to drop from the cache.", {{"route", route}},
                invalidations.value());
  for (size_t i = 0; i < kStoreRefusals; ++i) {
    visitor.Count("singleflight_cache_refusals_total", "Replies that were not kept, by reason.",
                  {{"route", route}, {"reason", std::string(kRefusalNames[i])}},
                  refusals[i].value());
  }
  request_inflation.Show(route, "request", visitor);
  reply_inflation.Show(route, "reply", visitor);
  visitor.Distribution("singleflight_waiters_per_flight", "Callers aboard when a flight landed.",
                       {{"route", route}}, waiters_per_flight);
}

void UpstreamMetrics::Show(const std::string& upstream, Visitor& visitor) const {
  for (size_t i = 0; i < kCallOutcomes; ++i) {
    visitor.Count(
        "singleflight_upstream_calls_total", "Upstream calls that the backend answered, by status.",
        {{"upstream", upstream}, {"code", std::string(kOutcomeNames[i])}}, calls[i].value());
  }
  for (size_t i = 0; i < kUnanswered; ++i) {
    visitor.Count("singleflight_upstream_unanswered_total",
                  "Upstream calls that the backend did not answer, by what ended them.",
                  {{"upstream", upstream}, {"reason", std::string(kUnansweredNames[i])}},
                  unanswered[i].value());
  }
  const Labels labels = {{"upstream", upstream}};
  visitor.Count("singleflight_upstream_calls_begun_total",
                "Upstream calls; those answered and unanswered, active and pending add up to it.",
                labels, begun.value());
  visitor.Level("singleflight_upstream_calls_active", "Upstream calls in the air.", labels,
                active.value());
  visitor.Level("singleflight_upstream_calls_pending",
                "Calls that wait for a connection or a stream.", labels, pending.value());
  visitor.Count("singleflight_upstream_calls_resent_total",
                "Calls sent again because upstream had not started or had lost them.", labels,
                resent.value());
  for (size_t i = 0; i < kReplyRefusals; ++i) {
    visitor.Count("singleflight_upstream_replies_refused_total",
                  "Replies whose beginning or end was not taken, by reason.",
                  {{"upstream", upstream}, {"reason", std::string(kReplyRefusalNames[i])}},
                  replies_refused[i].value());
  }
  visitor.Count("singleflight_upstream_connects_total", "Connections that became ready.", labels,
                connects.value());
  visitor.Count("singleflight_upstream_connect_failures_total",
                "Connections that did not become ready.", labels, connect_failures.value());
  visitor.Count("singleflight_upstream_tls_handshakes_total",
                "TLS handshakes with backends that succeeded, by result.",
                {{"upstream", upstream}, {"result", "full"}}, tls_handshakes_full.value());
  visitor.Count("singleflight_upstream_tls_handshakes_total",
                "TLS handshakes with backends that succeeded, by result.",
                {{"upstream", upstream}, {"result", "resumed"}}, tls_handshakes_resumed.value());
  visitor.Level("singleflight_upstream_connections", "Connections that are ready.", labels,
                connections.value());
  visitor.Count("singleflight_upstream_pings_total",
                "PINGs that were sent because calls waited and nothing came.", labels,
                pings.value());
  visitor.Count("singleflight_upstream_connections_silent_total",
                "Connections that were ended because nothing came after a PING.", labels,
                connections_silent.value());
}

void DownstreamMetrics::Show(Visitor& visitor) const {
  visitor.Count("singleflight_connections_accepted_total", "Client connections accepted.", {},
                connections_accepted.value());
  visitor.Level("singleflight_connections", "Client connections open.", {}, connections.value());
  visitor.Level("singleflight_streams", "Client streams open.", {}, streams.value());
  for (size_t i = 0; i < kRefusedReasons; ++i) {
    visitor.Count("singleflight_requests_refused_total",
                  "Requests that are no acceptable gRPC call, by what is wrong.",
                  {{"reason", std::string(kRefusedNames[i])}}, requests_refused[i].value());
  }
  visitor.Count("singleflight_requests_unrouted_total", "Calls that no route matches.", {},
                requests_unrouted.value());
  for (size_t i = 0; i < kHandshakes; ++i) {
    visitor.Count("singleflight_tls_handshakes_total", "TLS handshakes with clients, by result.",
                  {{"result", std::string(kHandshakeNames[i])}}, tls_handshakes[i].value());
  }
  visitor.Count("singleflight_stream_resets_total", "Streams that clients reset.", {},
                resets.value());
  bounds.Show(visitor);
}

}  // namespace singleflight::metrics
