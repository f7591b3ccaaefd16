// Sums the cells of all workers. What is read of several cells is not of one instant, so sums may
// be off by the calls under way.

#include "server/app/stats.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "server/app/proto_time.h"
#include "server/host/process.h"
#include "server/net/worker_clock.h"

namespace singleflight::app {
namespace {

namespace v1 = admin::v1;

template <typename Cells>
using ByWorker = std::vector<std::shared_ptr<Cells>>;

template <typename Cells, typename Member>
uint64_t Sum(const ByWorker<Cells>& by_worker, Member member) {
  uint64_t sum = 0;
  for (const auto& cells : by_worker) sum += static_cast<uint64_t>(((*cells).*member).value());
  return sum;
}

template <typename Cells, typename Member>
uint64_t SumOfAll(const ByWorker<Cells>& by_worker, Member member) {
  uint64_t sum = 0;
  for (const auto& cells : by_worker) sum += ((*cells).*member).sum();
  return sum;
}

// Codes, and how many had none.
template <typename Cells, typename Codes, typename Row>
void AddCodes(const ByWorker<Cells>& cells, Codes codes_of, metrics::Counter Cells::*none,
              Row& to) {
  const auto add = [&](absl::string_view code, uint64_t count) {
    if (count == 0) return;
    v1::CodeCount& row = *to.add_codes();
    row.set_code(std::string(code));
    row.set_count(count);
  };
  std::map<wire::StatusCode, uint64_t> codes;
  for (const auto& worker : cells) {
    ((*worker).*codes_of).ForEach([&](wire::StatusCode code, uint64_t count) {
      codes[code] += count;
    });
  }
  for (const auto& [code, count] : codes) add(NameOf(code), count);
  add("none", Sum(cells, none));
}

void AddTo(const metrics::LatencyHistogram& cells, v1::Histogram& sum) {
  const metrics::LatencyBounds& bounds = cells.bounds();
  for (auto i = static_cast<size_t>(sum.bounds_size()); i < bounds.count; ++i) {
    sum.add_bounds(static_cast<double>(bounds.upto[i]) / 1e9);
  }
  while (sum.counts_size() <= sum.bounds_size()) sum.add_counts(0);
  for (int i = 0; i < sum.counts_size(); ++i) {
    sum.set_counts(i, sum.counts(i) + cells.bucket(static_cast<size_t>(i)));
  }
  sum.set_sum(sum.sum() + static_cast<double>(cells.sum()) / 1e9);
}

v1::RouteStats RouteStatsOf(const std::string& name, const ByWorker<core::RouteMetrics>& cells) {
  using Cells = core::RouteMetrics;
  v1::RouteStats route;
  route.set_route(name);
  route.set_calls(Sum(cells, &Cells::calls));
  route.set_hits(Sum(cells, &Cells::hits));
  route.set_followers(Sum(cells, &Cells::followers));
  route.set_leaders(Sum(cells, &Cells::leaders));
  route.set_relays(Sum(cells, &Cells::relays));
  route.set_bypasses(SumOfAll(cells, &Cells::bypasses));
  route.set_departed(Sum(cells, &Cells::departed));
  route.set_refused(Sum(cells, &Cells::refused));
  route.set_saved(Sum(cells, &Cells::saved));
  route.set_saved_bytes(Sum(cells, &Cells::saved_bytes));
  AddCodes(cells, &Cells::told, &Cells::untold, route);
  for (size_t i = 0; i < core::kWaitingRoles; ++i) {
    v1::RoleLatency& latency = *route.add_latencies();
    latency.set_role(std::string(NameOf(static_cast<core::CallRole>(i))));
    for (const auto& worker : cells) AddTo(worker->waits[i], *latency.mutable_histogram());
  }
  return route;
}

v1::UpstreamStats UpstreamStatsOf(const std::string& name,
                                  const ByWorker<upstream::UpstreamMetrics>& cells) {
  using Cells = upstream::UpstreamMetrics;
  v1::UpstreamStats upstream;
  upstream.set_upstream(name);
  upstream.set_calls(Sum(cells, &Cells::begun));
  AddCodes(cells, &Cells::calls, &Cells::calls_without_status, upstream);
  upstream.set_unanswered(SumOfAll(cells, &Cells::unanswered));
  upstream.set_active(static_cast<int64_t>(Sum(cells, &Cells::active)));
  upstream.set_pending(static_cast<int64_t>(Sum(cells, &Cells::pending)));
  upstream.set_connections(static_cast<int64_t>(Sum(cells, &Cells::connections)));
  *upstream.mutable_oldest_wait() = ToProto(upstream::LongestWait(cells, net::ReadWorkerClock()));
  for (const auto& worker : cells) {
    AddTo(worker->first_byte, *upstream.mutable_first_byte());
    AddTo(worker->whole, *upstream.mutable_whole());
  }
  return upstream;
}

// Moves what was made of each name into `out`: first those of `order`, then the others.
template <typename Row, typename Out>
void InOrder(const std::vector<std::string>& order, std::map<std::string, Row> rows, Out* out) {
  for (const std::string& name : order) {
    const auto found = rows.find(name);
    if (found == rows.end()) continue;
    *out->Add() = std::move(found->second);
    rows.erase(found);
  }
  for (auto& [name, row] : rows) *out->Add() = std::move(row);
}

void AddRoutes(const StatsSources& from, v1::Stats& to) {
  std::map<std::string, v1::RouteStats> rows;
  from.ledgers.routes.ForEach([&](const std::string& name, const auto& cells) {
    rows.emplace(name, RouteStatsOf(name, cells));
  });
  InOrder(RouteLabels(from.config), std::move(rows), to.mutable_routes());
}

void AddUpstreams(const StatsSources& from, v1::Stats& to) {
  std::map<std::string, v1::UpstreamStats> rows;
  from.ledgers.upstreams.ForEach([&](const std::string& name, const auto& cells) {
    rows.emplace(name, UpstreamStatsOf(name, cells));
  });
  std::vector<std::string> order;
  for (const auto& upstream : from.config.upstreams) order.push_back(upstream.name);
  InOrder(order, std::move(rows), to.mutable_upstreams());
}

void AddCache(const StatsSources& from, v1::CacheStats& to) {
  const cache::Census census = from.shared.store.TakeCensus();
  const auto gone = [&](cache::Gone why) { return census.gone[static_cast<size_t>(why)]; };
  to.set_entries(census.entries);
  to.set_bytes(census.bytes);
  to.set_max_bytes(from.config.cache.max_bytes);
  uint64_t stores = 0;
  from.ledgers.routes.ForEach([&](const std::string&, const auto& cells) {
    stores += Sum(cells, &core::RouteMetrics::stores);
  });
  to.set_stores(stores);
  to.set_evictions(gone(cache::Gone::kCapacity));
  to.set_expired(gone(cache::Gone::kExpired));
  to.set_purged(gone(cache::Gone::kPurged));
}

}  // namespace

v1::Stats StatsOf(const StatsSources& from) {
  v1::Stats stats;
  AddRoutes(from, stats);
  AddUpstreams(from, stats);
  AddCache(from, *stats.mutable_cache());
  stats.set_unrouted(Sum(from.ledgers.downstream, &proxy::DownstreamMetrics::requests_unrouted));
  stats.set_connections(from.workers.connections());
  stats.set_waiters(static_cast<int64_t>(from.shared.flights.waiting()));
  stats.set_flights(static_cast<int64_t>(from.shared.flights.flights()));
  stats.set_buffered_bytes(from.shared.budget.bytes() + from.workers.untold_bytes());
  stats.set_max_buffered_bytes(from.shared.budget.max());
  stats.set_resident_bytes(static_cast<int64_t>(host::ResidentBytes()));
  return stats;
}

}  // namespace singleflight::app
