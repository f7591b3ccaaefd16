// Makes a configuration ready for use by workers: its routes, which all workers share, and on each
// worker the context that its calls begin with. Beside it stands what outlives configurations.

#ifndef SINGLEFLIGHT_SERVER_APP_SNAPSHOT_H_
#define SINGLEFLIGHT_SERVER_APP_SNAPSHOT_H_

#include <memory>
#include <string>
#include <vector>

#include "server/app/access_logs.h"
#include "server/app/route_rules.h"
#include "server/app/upstreams.h"
#include "server/config/config.h"
#include "server/core/read_path.h"
#include "server/model/fingerprints.h"
#include "server/proxy/call.h"
#include "server/trace/tracer.h"

namespace singleflight::app {

// What workers share of one configuration.
struct RouteSet {
  Upstreams::List upstreams;  // by index in the configuration
  core::RouteTable table;
  proxy::MarkOptions marks;
  std::shared_ptr<const proxy::LimitOptions> limits;
  std::vector<std::shared_ptr<proxy::CallObserver>> observers;  // of calls, on all workers
  AccessLogs::Maker access_log;                                 // of the calls of one; null: none
};

// `fingerprints` are those of every configuration that there ever was. `applied`: what schemas make
// of each route; empty: nothing. `before`: for each route the one that was in force and of which
// what has been found holds for this one; null: there is none; empty: for no route.
std::shared_ptr<RouteSet> MakeRouteSet(const config::Config& config, Upstreams::List upstreams,
                                       model::KeySeed seed, model::Fingerprints& fingerprints,
                                       std::vector<RouteRules::Applied> applied = {},
                                       const std::vector<const core::Route*>& before = {});

// What a route is called in metrics, in the access log and by the admin service.
std::string RouteLabel(const core::RouteOptions& route);

// All routes of a configuration, in its order.
std::vector<std::string> RouteLabels(const config::Config& config);

// What outlives configurations and is shared by all workers.
struct Shared {
  // `hop` is random, and no secret.
  Shared(const config::Config& config, uint64_t hop);

  core::Flights flights;
  cache::Store store;
  memory::BufferBudget budget;
  const std::string chain_hop;  // how this process names itself in the chain marker
  const uint64_t seed;          // of what workers draw
};

// One configuration on one worker. Calls keep the snapshot that they began with, so a reload
// touches none that is in the air; with its last call a snapshot goes, on its worker. No tracer:
// nothing is recorded.
std::shared_ptr<const proxy::CallContext> MakeSnapshot(
    net::Worker& worker, memory::Buffered& buffered, Shared& shared,
    std::shared_ptr<RouteSet> routes, core::MetricsByRoute metrics, survey::SurveyByRoute surveys,
    std::shared_ptr<proxy::DownstreamMetrics> downstream, absl::optional<trace::Tracer> tracer);

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_SNAPSHOT_H_
