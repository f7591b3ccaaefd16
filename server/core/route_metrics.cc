// What the counts of a route are called at /metrics. docs/metrics.md and docs/reasons.md list them
// for users, and a test compares those pages with what is shown here.

#include "server/core/route_metrics.h"

namespace singleflight::core {
namespace {

using metrics::Counter;
using metrics::Labels;

struct Row {
  absl::string_view name;
  absl::string_view help;
  Counter RouteMetrics::*counter;
};

constexpr Row kRows[] = {
    {"singleflight_calls_total", "Calls that a route took.", &RouteMetrics::calls},
    {"singleflight_calls_saved_total",
     "Callers that were served without an upstream call of their own.", &RouteMetrics::saved},
    {"singleflight_saved_bytes_total", "Bytes of the messages that these callers got.",
     &RouteMetrics::saved_bytes},
    {"singleflight_flights_superseded_total",
     "Flights that took no more callers because of max_join_age, max_waiters or a purge.",
     &RouteMetrics::superseded},
    {"singleflight_deadline_exceeded_total",
     "Callers whose deadline passed while they waited here.", &RouteMetrics::deadline_exceeded},
    {"singleflight_resource_exhausted_total", "Flights that a bound of this program refused.",
     &RouteMetrics::resource_exhausted},
    {"singleflight_retries_total", "Calls that are sent again, because the route has retry.",
     &RouteMetrics::retries},
    {"singleflight_hedges_total",
     "Second calls of flights whose first call had brought nothing for a while.",
     &RouteMetrics::hedges},
    {"singleflight_hedges_won_total", "Hedges that replied before the first call did.",
     &RouteMetrics::hedges_won},
    {"singleflight_cache_stores_total", "Replies that were kept.", &RouteMetrics::stores},
    {"singleflight_cache_only_if_cached_misses_total",
     "Callers that take what is kept and nothing else, and nothing was.",
     &RouteMetrics::nothing_kept},
    {"singleflight_cache_refreshes_total",
     "Flights that fetched a new reply while callers got the kept one.", &RouteMetrics::refreshes},
    {"singleflight_cache_invalidations_total", "Groups that writes told to drop from the cache.",
     &RouteMetrics::invalidations},
};

// gRPC's name of the method that a route is for (gRFC A66): clients' own words are no label.
std::string MethodOf(const std::string& route) {
  const std::string patterns = route.substr(0, route.find('?'));  // without conditions on fields
  const size_t slash = patterns.find('/');
  const bool any = slash == std::string::npos || patterns.find('*') != std::string::npos;
  return any ? "other" : patterns.substr(slash + 1);
}

int64_t LeftOf(uint64_t begun, uint64_t ended) {
  return begun > ended ? static_cast<int64_t>(begun - ended) : 0;  // not read in one instant
}

}  // namespace

void InflationMetrics::Show(const std::string& route, const std::string& of,
                            metrics::Visitor& visitor) const {
  const Labels labels = {{"route", route}, {"of", of}};
  visitor.Count("singleflight_inflations_total", "Compressed messages that were inflated.", labels,
                inflated.value());
  refusals.Show("singleflight_inflation_refusals_total",
                "Compressed messages that had to be inflated and could not be, by reason.", labels,
                visitor);
}

RouteMetrics::RouteMetrics(const Bounds& bounds)
    : waits{{metrics::LatencyHistogram(bounds), metrics::LatencyHistogram(bounds),
             metrics::LatencyHistogram(bounds), metrics::LatencyHistogram(bounds),
             metrics::LatencyHistogram(bounds)}},
      added(bounds) {}

void RouteMetrics::Show(const std::string& route, metrics::Visitor& visitor) const {
  const Labels labels = {{"route", route}};
  for (const Row& row : kRows)
    visitor.Count(row.name, row.help, labels, (this->*row.counter).value());
  visitor.Count("grpc_server_call_started_total", "Calls that began, by method.",
                {{"grpc_method", MethodOf(route)}}, calls.value());
  ShowRoles(route, visitor);
  ShowInProgress(route, visitor);
  ShowEnds(route, visitor);
  gathered.Show("singleflight_flights_gathered_total",
                "Flights that gathered callers until another one had landed, by how that ended.",
                labels, visitor);
  released.Show("singleflight_waiters_released_total",
                "Waiters that were released to make their own calls.", labels, visitor);
  release_refusals.Show(
      "singleflight_release_refusals_total",
      "Released waiters that were refused before they could make their own calls.", labels,
      visitor);
  retry_refusals.Show("singleflight_retry_refusals_total",
                      "Calls that failed as retry says and are not sent again.", labels, visitor);
  hedge_refusals.Show("singleflight_hedge_refusals_total",
                      "Flights that might have been hedged and were not.", labels, visitor);
  refusals.Show("singleflight_cache_refusals_total", "Replies that were not kept, by reason.",
                labels, visitor);
  stale.Show("singleflight_cache_stale_served_total",
             "Callers that got a kept reply whose time was over, by reason.", labels, visitor);
  refresh_failures.Show("singleflight_cache_refresh_failures_total",
                        "Kept replies that were to be refreshed and were not, by reason.", labels,
                        visitor);
  wide_invalidations.Show("singleflight_cache_wide_invalidations_total",
                          "Writes that dropped every group of their upstream and authority.",
                          labels, visitor);
  match_refusals.Show("singleflight_match_refusals_total",
                      "Calls whose message was not looked at to choose their route, by the first "
                      "route that asks for it.",
                      labels, visitor);
  ShowComparisons(route, visitor);
  request_inflation.Show(route, "request", visitor);
  reply_inflation.Show(route, "reply", visitor);
  visitor.Distribution("singleflight_waiters_per_flight", "Callers aboard when a flight landed.",
                       labels, waiters_per_flight);
  splits.Show(route, visitor);
}

void RouteMetrics::ShowComparisons(const std::string& route, metrics::Visitor& visitor) const {
  for (size_t i = 0; i < comparisons.size(); ++i) {
    comparisons[i].Show(
        "singleflight_comparisons_total",
        "Replies that were shared, or would have been, and were compared with upstream's own.",
        {{"route", route}, {"of", std::string(NameOf(static_cast<SharedBy>(i)))}}, visitor,
        "outcome");
  }
  check_refusals.Show("singleflight_check_refusals_total",
                      "Callers on whom the lot of verify fell and who were not checked.",
                      {{"route", route}}, visitor);
  would_be.Show("singleflight_shadow_calls_total",
                "Calls in mode shadow, by what they would have been.", {{"route", route}}, visitor,
                "would_be");
}

uint64_t RouteMetrics::CountOf(CallRole role) const {
  switch (role) {
    case CallRole::kHit:
      return hits.value();
    case CallRole::kLeader:
      return leaders.value();
    case CallRole::kFollower:
      return followers.value();
    case CallRole::kRelay:
      return relays.value();
    case CallRole::kBypass:
      return bypasses.sum();
    case CallRole::kDeparted:
      return departed.value();
    case CallRole::kRefused:
      return refused.value();
  }
  return 0;
}

void RouteMetrics::ShowRoles(const std::string& route, metrics::Visitor& visitor) const {
  constexpr absl::string_view kName = "singleflight_calls_by_role_total";
  constexpr absl::string_view kHelp =
      "Calls by what became of them; the roles of a route add up to its calls.";
  for (size_t i = 0; i < metrics::kReasons<CallRole>; ++i) {
    const auto role = static_cast<CallRole>(i);
    if (role == CallRole::kBypass) continue;
    visitor.Count(kName, kHelp,
                  {{"route", route}, {"role", std::string(NameOf(role))}, {"reason", ""}},
                  CountOf(role));
  }
  bypasses.Show(kName, kHelp, {{"route", route}, {"role", "bypass"}}, visitor);
}

// Of two counts the one that follows the other is read first.
void RouteMetrics::ShowInProgress(const std::string& route, metrics::Visitor& visitor) const {
  const auto show = [&](absl::string_view role, uint64_t begun, uint64_t ended) {
    visitor.Level("singleflight_calls_in_progress", "Calls that have not ended, by role.",
                  {{"route", route}, {"role", std::string(role)}}, LeftOf(begun, ended));
  };
  uint64_t with_a_role = 0;
  for (size_t i = 0; i < metrics::kReasons<CallRole>; ++i) {
    const auto role = static_cast<CallRole>(i);
    const uint64_t ended = i < kWaitingRoles ? waits[i].count() : 0;
    const uint64_t begun = CountOf(role);
    with_a_role += begun;
    if (i < kWaitingRoles) show(NameOf(role), begun, ended);
  }
  show("undecided", calls.value(), with_a_role);
}

void RouteMetrics::ShowEnds(const std::string& route, metrics::Visitor& visitor) const {
  constexpr absl::string_view kReplies = "singleflight_replies_total";
  constexpr absl::string_view kHelp =
      "Calls that have ended, by the status that callers were told.";
  const Labels labels = {{"route", route}};
  told.Show(kReplies, kHelp, labels, visitor, "code");
  visitor.Count(kReplies, kHelp, {{"route", route}, {"code", "none"}}, untold.value());
  for (size_t i = 0; i < kWaitingRoles; ++i) {
    visitor.Latency("singleflight_call_duration_seconds",
                    "How long callers waited, from their headers to the end of their replies.",
                    {{"route", route}, {"role", std::string(NameOf(static_cast<CallRole>(i)))}},
                    waits[i]);
  }
  visitor.Latency("singleflight_call_added_seconds",
                  "Of calls with an upstream call of their own, what they took beyond it.", labels,
                  added);
}

}  // namespace singleflight::core
