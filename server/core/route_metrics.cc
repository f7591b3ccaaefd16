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
    {"singleflight_flights_superseded_total",
     "Flights that took no more callers because of max_join_age, max_waiters or a purge.",
     &RouteMetrics::superseded},
    {"singleflight_deadline_exceeded_total",
     "Callers whose deadline passed while they waited here.", &RouteMetrics::deadline_exceeded},
    {"singleflight_resource_exhausted_total", "Flights that a bound of this program refused.",
     &RouteMetrics::resource_exhausted},
    {"singleflight_cache_stores_total", "Replies that were kept.", &RouteMetrics::stores},
    {"singleflight_cache_invalidations_total", "Groups that replies told to drop from the cache.",
     &RouteMetrics::invalidations},
};

struct Role {
  absl::string_view name;
  Counter RouteMetrics::*counter;
};

constexpr Role kRoles[] = {
    {"hit", &RouteMetrics::hits},           {"leader", &RouteMetrics::leaders},
    {"follower", &RouteMetrics::followers}, {"relay", &RouteMetrics::relays},
    {"departed", &RouteMetrics::departed},  {"refused", &RouteMetrics::refused}};

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

void RouteMetrics::Show(const std::string& route, metrics::Visitor& visitor) const {
  const Labels labels = {{"route", route}};
  for (const Row& row : kRows)
    visitor.Count(row.name, row.help, labels, (this->*row.counter).value());
  ShowRoles(route, visitor);
  released.Show("singleflight_waiters_released_total",
                "Waiters that were released to make their own calls.", labels, visitor);
  release_refusals.Show(
      "singleflight_release_refusals_total",
      "Released waiters that were refused before they could make their own calls.", labels,
      visitor);
  refusals.Show("singleflight_cache_refusals_total", "Replies that were not kept, by reason.",
                labels, visitor);
  request_inflation.Show(route, "request", visitor);
  reply_inflation.Show(route, "reply", visitor);
  visitor.Distribution("singleflight_waiters_per_flight", "Callers aboard when a flight landed.",
                       labels, waiters_per_flight);
  splits.Show(route, visitor);
}

void RouteMetrics::ShowRoles(const std::string& route, metrics::Visitor& visitor) const {
  constexpr absl::string_view kName = "singleflight_calls_by_role_total";
  constexpr absl::string_view kHelp =
      "Calls by what became of them; the roles of a route add up to its calls.";
  for (const Role& role : kRoles) {
    visitor.Count(kName, kHelp,
                  {{"route", route}, {"role", std::string(role.name)}, {"reason", ""}},
                  (this->*role.counter).value());
  }
  bypasses.Show(kName, kHelp, {{"route", route}, {"role", "bypass"}}, visitor);
}

}  // namespace singleflight::core
