#ifndef SINGLEFLIGHT_TESTS_SIMULATION_HOUSE_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_HOUSE_H_

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/core/read_path.h"
#include "server/core/route.h"
#include "tests/simulation/configuration.h"
#include "tests/simulation/scheduled_loop.h"

namespace singleflight::simulation {

// What all loops share of one configuration.
struct RouteSet {
  size_t number = 0;
  core::RouteTable table;
  std::vector<size_t> policies;  // by route
};

// One configuration on one loop, as app::Snapshot is: calls and flights keep the one that they
// began with.
struct Snapshot {
  explicit Snapshot(size_t& alive) : alive(alive) { ++alive; }
  ~Snapshot() { --alive; }

  std::shared_ptr<RouteSet> routes;
  std::minstd_rand random;
  absl::optional<core::ReadPath> read_path;
  size_t& alive;
};

// All of the product that takes part, put together as server/app does it: what outlives
// configurations, and on each loop the snapshot in force.
class House {
 public:
  House(const cache::StoreOptions& store, uint64_t seed, size_t configuration);
  ~House();

  // From the control thread: each loop begins calls with it once it has run what is posted.
  void Reload(size_t configuration);

  const std::shared_ptr<const Snapshot>& InForce(size_t loop) const { return in_force_[loop]; }
  static core::ReadPath& PathOf(const Snapshot& snapshot) {
    return const_cast<core::ReadPath&>(*snapshot.read_path);
  }

  // Lets go of the configurations in force; those that calls have live on.
  void Close();
  size_t snapshots() const { return snapshots_; }

  // The sum over loops and routes of what `of` says of RouteMetrics.
  template <typename Of>
  uint64_t Sum(const Of& of) const {
    uint64_t sum = 0;
    for (const core::MetricsByRoute& routes : metrics) {
      for (const auto& route : routes) sum += of(*route);
    }
    return sum;
  }

  // Replies that flights of that loop were not let keep.
  uint64_t RefusalsOn(size_t loop) const {
    uint64_t sum = 0;
    for (const auto& route : metrics[loop]) sum += route->refusals.sum();
    return sum;
  }

  uint64_t Replaced() const {
    return store.TakeCensus().gone[static_cast<size_t>(cache::Gone::kReplaced)];
  }

  const cache::StoreOptions store_options;
  Turn turn;
  std::array<ScheduledLoop, kLoops> loops{ScheduledLoop(0, turn), ScheduledLoop(1, turn),
                                          ScheduledLoop(2, turn)};
  memory::BufferBudget budget{1 << 30};
  std::array<memory::Buffered, kLoops> buffered{memory::Buffered(budget), memory::Buffered(budget),
                                                memory::Buffered(budget)};
  std::array<std::array<core::FakeUpstream, kUpstreams>, kLoops> upstreams;
  std::array<core::MetricsByRoute, kLoops> metrics;
  metrics::Counter shed;
  core::Flights flights;
  cache::Store store{store_options};
  std::array<std::shared_ptr<core::UpstreamBounds>, kUpstreams> bounds;

 private:
  std::shared_ptr<RouteSet> MakeRoutes(const Configuration& configuration);
  std::shared_ptr<const Snapshot> MakeSnapshot(size_t loop, std::shared_ptr<RouteSet> routes);
  size_t PolicyOf(const core::RouteOptions& route);

  const uint64_t seed_;
  model::Fingerprints fingerprints_;
  std::map<std::string, size_t> policies_;
  size_t snapshots_ = 0;
  std::array<std::shared_ptr<const Snapshot>, kLoops> in_force_;
};

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_HOUSE_H_
