// Holds what all workers count, by the names that configurations give to routes and upstreams. A
// route or upstream whose name the configuration before had as well counts on from there.
//
// Threads: one. The cells are written by their workers.

#ifndef SINGLEFLIGHT_SERVER_METRICS_LEDGER_H_
#define SINGLEFLIGHT_SERVER_METRICS_LEDGER_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/metrics/worker_metrics.h"

namespace singleflight::metrics {

class Ledger {
 public:
  explicit Ledger(size_t workers);

  // The cells of that worker for a configuration with these routes and upstreams.
  WorkerMetrics Of(size_t worker, const std::vector<std::string>& routes,
                   const std::vector<std::string>& upstreams);

  std::shared_ptr<DownstreamMetrics> DownstreamOf(size_t worker) { return downstream_[worker]; }
  std::shared_ptr<UpstreamMetrics> UpstreamOf(size_t worker, const std::string& name);

  // Forgets the names that nobody counts under any more.
  void Prune();

  void Show(Visitor& visitor) const;

 private:
  template <typename Metrics>
  using ByName = std::map<std::string, std::vector<std::shared_ptr<Metrics>>>;  // then by worker

  const size_t workers_;
  std::vector<std::shared_ptr<DownstreamMetrics>> downstream_;
  ByName<RouteMetrics> routes_;
  ByName<UpstreamMetrics> upstreams_;
};

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_LEDGER_H_
