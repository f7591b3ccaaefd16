// How a count gets from a call to /metrics: cells, ledger, registry.
//
//   cell       One atomic number that one thread writes, its worker, with a plain load and store.
//              Any thread may read it. Groups of cells are structs, such as RouteMetrics.
//   ledger     One group of cells for each worker and each name of a route or an upstream. Workers
//              get theirs with their configuration (WorkerMetrics), as shared pointers.
//   registry   Everything that /metrics shows: the ledger, the store, the health port and others. A
//              scrape shows each source to a Visitor, which sums what has equal names and labels.
//
// So a call never waits for a scrape, nor for another worker: no cell is written by two threads.
// What a scrape reads of several cells is not of one instant, so sums may be off by the calls under
// way.
//
// Names outlive configurations. After a reload a route with the same name gets the same cells, and
// its counts go on. A name that is gone keeps its cells until its last call has ended, since calls
// may outlive their configuration; Prune then forgets the names whose cells nobody else holds.

#include "server/metrics/ledger.h"

#include <algorithm>

namespace singleflight::metrics {
namespace {

template <typename Metrics>
std::shared_ptr<Metrics> Entered(std::map<std::string, std::vector<std::shared_ptr<Metrics>>>& book,
                                 const std::string& name, size_t worker, size_t workers) {
  std::vector<std::shared_ptr<Metrics>>& by_worker = book[name];
  while (by_worker.size() < workers) by_worker.push_back(std::make_shared<Metrics>());
  return by_worker[worker];
}

template <typename Book>
void ForgetUnused(Book& book) {
  for (auto at = book.begin(); at != book.end();) {
    const bool used = std::any_of(at->second.begin(), at->second.end(),
                                  [](const auto& cells) { return cells.use_count() > 1; });
    at = used ? std::next(at) : book.erase(at);
  }
}

template <typename Book>
void ShowAll(const Book& book, Visitor& visitor) {
  for (const auto& [name, by_worker] : book) {
    for (const auto& cells : by_worker) cells->Show(name, visitor);
  }
}

}  // namespace

Ledger::Ledger(size_t workers) : workers_(workers) {
  for (size_t i = 0; i < workers; ++i) downstream_.push_back(std::make_shared<DownstreamMetrics>());
}

WorkerMetrics Ledger::Of(size_t worker, const std::vector<std::string>& routes,
                         const std::vector<std::string>& upstreams) {
  WorkerMetrics metrics;
  metrics.downstream = downstream_[worker];
  for (const std::string& name : routes) {
    metrics.routes.push_back(Entered(routes_, name, worker, workers_));
  }
  for (const std::string& name : upstreams) metrics.upstreams.push_back(UpstreamOf(worker, name));
  return metrics;
}

std::shared_ptr<UpstreamMetrics> Ledger::UpstreamOf(size_t worker, const std::string& name) {
  return Entered(upstreams_, name, worker, workers_);
}

void Ledger::Prune() {
  ForgetUnused(routes_);
  ForgetUnused(upstreams_);
}

void Ledger::Show(Visitor& visitor) const {
  for (const auto& cells : downstream_) cells->Show(visitor);
  ShowAll(routes_, visitor);
  ShowAll(upstreams_, visitor);
}

}  // namespace singleflight::metrics
