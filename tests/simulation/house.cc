#include "tests/simulation/house.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace singleflight::simulation {

House::House(const cache::StoreOptions& store, uint64_t seed, size_t configuration)
    : store_options(store), seed_(seed) {
  for (auto& by_upstream : upstreams) by_upstream[1].PreserveAuthorities();
  for (core::MetricsByRoute& of_loop : metrics) of_loop = core::MetricsOf(kMethods);
  for (size_t i = 0; i < kUpstreams; ++i) {
    bounds[i] =
        std::make_shared<core::UpstreamBounds>(std::string(kUpstreamNames[i]), 1000, 1 << 20, 2);
    bounds[i]->budget = &budget;
  }
  Reload(configuration);
  for (ScheduledLoop& loop : loops) loop.RunEach();
}

House::~House() { Close(); }

void House::Close() {
  for (auto& snapshot : in_force_) snapshot.reset();
}

size_t House::PolicyOf(const core::RouteOptions& route) {
  return policies_.try_emplace(PolicyTextOf(route), policies_.size()).first->second;
}

std::shared_ptr<RouteSet> House::MakeRoutes(const Configuration& configuration) {
  auto routes = std::make_shared<RouteSet>();
  routes->number = configuration.number;
  for (const core::RouteOptions& route : configuration.routes) {
    const size_t at = route.upstream == kUpstreamNames[0] ? 0 : 1;
    const std::string identity = absl::StrCat(route.upstream, "\n", core::PolicyOf(route));
    routes->table.Add(route, at, *bounds[at],
                      model::KeyPolicy(route.key, identity, 7, fingerprints_));
    routes->policies.push_back(PolicyOf(route));
  }
  return routes;
}

std::shared_ptr<const Snapshot> House::MakeSnapshot(size_t loop, std::shared_ptr<RouteSet> routes) {
  auto snapshot = std::make_shared<Snapshot>(snapshots_);
  snapshot->routes = std::move(routes);
  snapshot->random.seed(static_cast<std::minstd_rand::result_type>(seed_ + loop + 1));
  snapshot->read_path.emplace(core::LoopContext{loops[loop],
                                                flights,
                                                store,
                                                {&upstreams[loop][0], &upstreams[loop][1]},
                                                metrics[loop],
                                                shed,
                                                "hop-1",
                                                buffered[loop],
                                                snapshot,
                                                {},
                                                nullptr,
                                                &snapshot->random});
  return snapshot;
}

void House::Reload(size_t number) {
  const Configuration configuration = MakeConfiguration(number);
  for (const auto& of_upstream : bounds) {
    of_upstream->max_flights = configuration.max_flights;
    of_upstream->max_held_bytes = configuration.max_held_bytes;
    of_upstream->release_gate->SetRoom(configuration.release_concurrency);
  }
  const std::shared_ptr<RouteSet> routes = MakeRoutes(configuration);
  for (size_t loop = 0; loop < kLoops; ++loop) {
    loops[loop].Post([this, loop, snapshot = MakeSnapshot(loop, routes)]() mutable {
      in_force_[loop] = std::move(snapshot);
    });
  }
}

}  // namespace singleflight::simulation
