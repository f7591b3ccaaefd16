// What one worker counts of one route.

#ifndef SINGLEFLIGHT_SERVER_CORE_ROUTE_METRICS_H_
#define SINGLEFLIGHT_SERVER_CORE_ROUTE_METRICS_H_

#include <memory>
#include <string>
#include <vector>

#include "server/cache/refusal.h"
#include "server/core/bypass.h"
#include "server/core/inflation_refusal.h"
#include "server/core/release.h"
#include "server/metrics/by_reason.h"
#include "server/metrics/cell.h"
#include "server/metrics/visitor.h"
#include "server/survey/split_counts.h"

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
struct RouteMetrics {
  metrics::Counter calls;
  metrics::Counter hits;
  metrics::Counter leaders;
  metrics::Counter followers;
  metrics::Counter relays;
  metrics::CountersBy<Bypass> bypasses;
  metrics::Counter departed;  // the caller left before its request was whole
  metrics::Counter refused;   // it got a status of this program's own before it was any of these
  metrics::Counter saved;     // hits, and followers that got a flight's reply
  metrics::Counter superseded;
  metrics::Counter deadline_exceeded;
  metrics::Counter resource_exhausted;
  metrics::CountersBy<Release> released;
  metrics::CountersBy<GateRefusal> release_refusals;
  metrics::Counter stores;  // replies that were kept
  metrics::CountersBy<cache::Refusal> refusals;
  metrics::Counter invalidations;  // groups that replies told to drop
  InflationMetrics request_inflation;
  InflationMetrics reply_inflation;
  metrics::PowerHistogram waiters_per_flight;
  survey::SplitCounts splits;

  void Show(const std::string& route, metrics::Visitor& visitor) const;

 private:
  void ShowRoles(const std::string& route, metrics::Visitor& visitor) const;
};

// The routes of one configuration on one worker, by index.
using MetricsByRoute = std::vector<std::shared_ptr<RouteMetrics>>;

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_ROUTE_METRICS_H_
