// What one worker counts of one route.

#ifndef SINGLEFLIGHT_SERVER_CORE_ROUTE_METRICS_H_
#define SINGLEFLIGHT_SERVER_CORE_ROUTE_METRICS_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "server/cache/refusal.h"
#include "server/core/bypass.h"
#include "server/core/call_role.h"
#include "server/core/comparison.h"
#include "server/core/gathering_end.h"
#include "server/core/hedge_refusal.h"
#include "server/core/inflation_refusal.h"
#include "server/core/match_refusal.h"
#include "server/core/refresh_failure.h"
#include "server/core/release.h"
#include "server/core/retry_refusal.h"
#include "server/core/stale_use.h"
#include "server/core/wide_invalidation.h"
#include "server/metrics/by_reason.h"
#include "server/metrics/cell.h"
#include "server/metrics/latency.h"
#include "server/metrics/visitor.h"
#include "server/survey/split_counts.h"
#include "server/wire/status.h"

namespace singleflight::core {

// What became of one kind of compressed messages. Those of requests are inflated for their keys,
// and for callers that are released with a message that another one encoded. Those of replies are
// inflated for callers that do not accept their encoding. One inflation may serve many callers.
struct InflationMetrics {
  metrics::Counter inflated;
  metrics::CountersBy<InflationRefusal> refusals;

  void Show(const std::string& route, const std::string& of, metrics::Visitor& visitor) const;
};

// Every call on the route is counted once in `calls` and once in exactly one of hits, leaders,
// followers, relays, bypasses, departed and refused. A member is a count by itself, so they are
// many.
//
// Once it has ended, it is counted once in `told` or `untold`, and once in `waits` if it had one of
// the first five roles.
struct RouteMetrics {
  using Bounds = metrics::LatencyBounds;
  explicit RouteMetrics(const Bounds& bounds = metrics::kDefaultLatencyBounds);

  // A call of that role has ended, so long after its header block had come.
  void CountEnd(CallRole role, int64_t nanoseconds, absl::optional<wire::StatusCode> code) {
    const auto index = static_cast<size_t>(role);
    if (index < kWaitingRoles) waits[index].Observe(nanoseconds);
    code.has_value() ? told.Add(*code) : untold.Add();
  }

  metrics::Counter calls;
  metrics::Counter hits;
  metrics::Counter leaders;
  metrics::Counter followers;
  metrics::Counter relays;
  metrics::CountersBy<Bypass> bypasses;
  metrics::Counter departed;  // the caller left before its request was whole
  metrics::Counter refused;   // it got a status of this program's own before it was any of these
  std::array<metrics::LatencyHistogram, kWaitingRoles> waits;  // by role: until the call ended
  metrics::CountersBy<wire::StatusCode> told;                  // what callers were told at last
  metrics::Counter untold;                                     // they had left before
  metrics::LatencyHistogram added;  // of calls with an upstream call of their own, beyond its time
  metrics::Counter saved;           // hits, and followers that got a flight's reply
  metrics::Counter saved_bytes;     // of these replies' messages, as framed
  metrics::Counter superseded;
  metrics::CountersBy<GatheringEnd> gathered;  // flights that waited, and how that ended
  metrics::Counter deadline_exceeded;
  metrics::Counter resource_exhausted;
  metrics::CountersBy<Release> released;
  metrics::CountersBy<GateRefusal> release_refusals;
  metrics::Counter retries;  // calls that are sent again because of `retry`
  metrics::CountersBy<RetryRefusal> retry_refusals;
  metrics::Counter hedges;      // second calls of flights whose first had brought nothing
  metrics::Counter hedges_won;  // those that replied first
  metrics::CountersBy<HedgeRefusal> hedge_refusals;
  metrics::Counter stores;  // replies that were kept
  metrics::CountersBy<cache::Refusal> refusals;
  metrics::CountersBy<StaleUse> stale;  // callers that got a reply whose time was over
  metrics::Counter nothing_kept;        // only-if-cached, and nothing was
  metrics::Counter refreshes;           // flights that were begun to refresh what is kept
  metrics::CountersBy<RefreshFailure> refresh_failures;
  metrics::Counter invalidations;  // groups that replies, or `invalidates`, told to drop
  metrics::CountersBy<WideInvalidation> wide_invalidations;    // writes that dropped every group
  metrics::CountersBy<MatchRefusal> match_refusals;            // of which it was the first to ask
  std::array<metrics::CountersBy<Comparison>, 2> comparisons;  // by SharedBy
  metrics::CountersBy<CheckRefusal> check_refusals;
  metrics::CountersBy<WouldBe> would_be;  // calls in shadow
  InflationMetrics request_inflation;
  InflationMetrics reply_inflation;
  metrics::PowerHistogram waiters_per_flight;
  survey::SplitCounts splits;

  void Show(const std::string& route, metrics::Visitor& visitor) const;

 private:
  void ShowRoles(const std::string& route, metrics::Visitor& visitor) const;
  void ShowInProgress(const std::string& route, metrics::Visitor& visitor) const;
  void ShowComparisons(const std::string& route, metrics::Visitor& visitor) const;
  void ShowEnds(const std::string& route, metrics::Visitor& visitor) const;
  uint64_t CountOf(CallRole role) const;
};

// The routes of one configuration on one worker, by index.
using MetricsByRoute = std::vector<std::shared_ptr<RouteMetrics>>;

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_ROUTE_METRICS_H_
