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
