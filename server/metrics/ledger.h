// How a count gets from a call to /metrics: cells, ledger, registry.
//
//   cell       One atomic number that one thread writes, its worker, with a plain load and store.
//              Any thread may read it. Groups of cells are structs of the rooms that count, such as
//              core::RouteMetrics.
//   ledger     One group of cells for each worker and each name of a route or an upstream. Workers
//              get theirs with their configuration, as shared pointers.
//   registry   Everything that /metrics shows: the ledgers, the store, the health port and others.
//              A scrape shows each source to a Visitor, which sums what has equal names and labels.
//
// So a call never waits for a scrape, nor for another worker: no cell is written by two threads.
// What a scrape reads of several cells is not of one instant, so sums may be off by the calls under
// way.
//
// Names outlive configurations. After a reload a route with the same name gets the same cells, and
// its counts go on. A name that is gone keeps its cells until its last call has ended, since calls
// may outlive their configuration; Prune then forgets the names whose cells nobody else holds.

#ifndef SINGLEFLIGHT_SERVER_METRICS_LEDGER_H_
#define SINGLEFLIGHT_SERVER_METRICS_LEDGER_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/metrics/visitor.h"

namespace singleflight::metrics {

// Of groups that are called `Cells`, which have a Show(name, visitor).
//
// Threads: one. The cells are written by their workers.
template <typename Cells>
class Ledger {
 public:
  using Make = std::function<std::shared_ptr<Cells>()>;
  explicit Ledger(
      size_t workers, Make make = [] { return std::make_shared<Cells>(); })
      : workers_(workers), make_(std::move(make)) {}

  // The cells of that worker under that name. All counts begin at zero.
  std::shared_ptr<Cells> Of(size_t worker, const std::string& name) {
    std::vector<std::shared_ptr<Cells>>& by_worker = by_name_[name];
    while (by_worker.size() < workers_) by_worker.push_back(make_());
    return by_worker[worker];
  }

  // The same for several names, in their order.
  std::vector<std::shared_ptr<Cells>> AllOf(size_t worker, const std::vector<std::string>& names) {
    std::vector<std::shared_ptr<Cells>> cells;
    for (const std::string& name : names) cells.push_back(Of(worker, name));
    return cells;
  }

  // Forgets the names that nobody counts under any more.
  void Prune() {
    for (auto at = by_name_.begin(); at != by_name_.end();) {
      const bool used = std::any_of(at->second.begin(), at->second.end(),
                                    [](const auto& cells) { return cells.use_count() > 1; });
      at = used ? std::next(at) : by_name_.erase(at);
    }
  }

  // Calls `see(name, cells)` for each name, with its cells by worker.
  template <typename See>
  void ForEach(const See& see) const {
    for (const auto& [name, by_worker] : by_name_) see(name, by_worker);
  }

  void Show(Visitor& visitor) const {
    for (const auto& [name, by_worker] : by_name_) {
      for (const auto& cells : by_worker) cells->Show(name, visitor);
    }
  }

 private:
  const size_t workers_;
  const Make make_;
  std::map<std::string, std::vector<std::shared_ptr<Cells>>> by_name_;
};

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_LEDGER_H_
