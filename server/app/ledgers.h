// All that the workers count, by the names that configurations give to routes and upstreams. A
// route or upstream whose name the configuration before had as well counts on from there.
//
// Threads: one. The cells are written by their workers.

#ifndef SINGLEFLIGHT_SERVER_APP_LEDGERS_H_
#define SINGLEFLIGHT_SERVER_APP_LEDGERS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "server/core/route_metrics.h"
#include "server/metrics/ledger.h"
#include "server/proxy/downstream_metrics.h"
#include "server/survey/survey.h"
#include "server/upstream/upstream_metrics.h"

namespace singleflight::app {

struct Ledgers {
  explicit Ledgers(size_t workers,
                   const metrics::LatencyBounds& bounds = metrics::kDefaultLatencyBounds)
      : latency_bounds(bounds),
        routes(workers, [this] { return std::make_shared<core::RouteMetrics>(latency_bounds); }),
        upstreams(workers,
                  [this] { return std::make_shared<upstream::UpstreamMetrics>(latency_bounds); }),
        top_keys(workers) {
    for (size_t i = 0; i < workers; ++i) {
      downstream.push_back(std::make_shared<proxy::DownstreamMetrics>());
    }
  }

  const metrics::LatencyBounds latency_bounds;  // first, as the cells refer to it
  metrics::Ledger<core::RouteMetrics> routes;
  metrics::Ledger<upstream::UpstreamMetrics> upstreams;
  metrics::Ledger<survey::TopKeys> top_keys;
  metrics::Ledger<survey::Splits> splits{1};                          // all workers have the same
  std::vector<std::shared_ptr<proxy::DownstreamMetrics>> downstream;  // by worker

  // What that worker sees of the keys of these routes, in their order.
  survey::SurveyByRoute SurveysOf(size_t worker, const std::vector<std::string>& routes_named) {
    survey::SurveyByRoute surveys;
    for (const std::string& route : routes_named) {
      surveys.push_back({splits.Of(0, route), top_keys.Of(worker, route)});
    }
    return surveys;
  }

  void Prune() {
    routes.Prune();
    upstreams.Prune();
    top_keys.Prune();
    splits.Prune();
  }

  void Show(metrics::Visitor& visitor) const {
    for (const auto& cells : downstream) cells->Show(visitor);
    routes.Show(visitor);
    upstreams.Show(visitor);
  }
};

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_LEDGERS_H_
