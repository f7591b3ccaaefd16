// `stats`: facts about the process, then a row a route and a row an upstream.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/ctl/figures.h"
#include "server/ctl/latency.h"
#include "server/ctl/views.h"

namespace singleflight::ctl {
namespace {

namespace v1 = admin::v1;
using Facts = std::vector<std::pair<std::string, Cell>>;
using Kind = Column::Kind;

// The one of the same name, or nullptr.
const v1::RouteStats* Find(const v1::Stats* stats, const v1::RouteStats& wanted) {
  if (stats == nullptr) return nullptr;
  for (const v1::RouteStats& route : stats->routes()) {
    if (route.route() == wanted.route()) return &route;
  }
  return nullptr;
}

const v1::UpstreamStats* Find(const v1::Stats* stats, const v1::UpstreamStats& wanted) {
  if (stats == nullptr) return nullptr;
  for (const v1::UpstreamStats& upstream : stats->upstreams()) {
    if (upstream.upstream() == wanted.upstream()) return &upstream;
  }
  return nullptr;
}

v1::Histogram AllRoles(const v1::RouteStats& route) {
  v1::Histogram sum;
  for (const v1::RoleLatency& latency : route.latencies()) sum = Sum(sum, latency.histogram());
  return sum;
}

// Of all but OK, the most frequent first: "NOT_FOUND 12, UNAVAILABLE 3".
std::string Errors(const google::protobuf::RepeatedPtrField<v1::CodeCount>& codes) {
  std::vector<v1::CodeCount> errors;
  for (const v1::CodeCount& code : codes) {
    if (code.code() != "OK" && code.count() > 0) errors.push_back(code);
  }
  std::stable_sort(errors.begin(), errors.end(),
                   [](const auto& a, const auto& b) { return a.count() > b.count(); });
  return absl::StrJoin(errors, ", ", [](std::string* text, const v1::CodeCount& code) {
    absl::StrAppend(text, code.code(), " ", Count(code.count()));
  });
}

absl::Duration Elapsed(const v1::Stats& stats, const v1::Stats* before) {
  return before == nullptr ? absl::ZeroDuration() : TimeOf(stats.at()) - TimeOf(before->at());
}

uint64_t More(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

Cell ErrorCell(std::string errors) { return {std::move(errors), Tone::kWarning}; }

std::vector<Cell> Row(const v1::RouteStats& route, const v1::RouteStats* before,
                      absl::Duration elapsed) {
  v1::Histogram waits = AllRoles(route);
  if (before != nullptr) waits = Since(AllRoles(*before), waits);
  const uint64_t calls_before = before == nullptr ? 0 : before->calls();
  return {route.route(),
          Count(route.calls()),
          PerSecond(More(route.calls(), calls_before), elapsed),
          {Share(route.saved(), route.calls()), route.saved() > 0 ? Tone::kGood : Tone::kPlain},
          Quantile(waits, 0.5),
          Quantile(waits, 0.99),
          Count(route.hits()),
          Count(route.followers()),
          Count(route.leaders()),
          Count(route.relays()),
          Count(route.bypasses()),
          {Count(route.refused()), route.refused() > 0 ? Tone::kWarning : Tone::kPlain},
          Bytes(route.saved_bytes()),
          ErrorCell(Errors(route.codes()))};
}

Table RouteTable(const v1::Stats& stats, const v1::Stats* before) {
  const Kind number = Kind::kNumber;
  Table table{{{"ROUTE", Kind::kName},
               {"CALLS", number},
               {"RATE", number},
               {"SAVED", number},
               {"P50", number},
               {"P99", number},
               {"HITS", number, true},
               {"FOLLOWED", number, true},
               {"LED", number, true},
               {"RELAYED", number, true},
               {"ALONE", number, true},
               {"REFUSED", number, true},
               {"BYTES SAVED", number, true},
               {"ERRORS", Kind::kText, true}},
              {}};
  for (const v1::RouteStats& route : stats.routes()) {
    table.rows.push_back(Row(route, Find(before, route), Elapsed(stats, before)));
  }
  return table;
}

Cell OldestWait(const v1::UpstreamStats& upstream) {
  const absl::Duration wait = DurationOf(upstream.oldest_wait());
  return wait == absl::ZeroDuration() ? Cell("–") : Cell(Span(wait));
}

std::vector<Cell> Row(const v1::UpstreamStats& upstream, const v1::UpstreamStats* before,
                      absl::Duration elapsed) {
  const bool since = before != nullptr;
  const v1::Histogram first =
      since ? Since(before->first_byte(), upstream.first_byte()) : upstream.first_byte();
  const v1::Histogram whole = since ? Since(before->whole(), upstream.whole()) : upstream.whole();
  return {upstream.upstream(),
          Count(upstream.calls()),
          PerSecond(More(upstream.calls(), since ? before->calls() : 0), elapsed),
          Gauge(upstream.active()),
          Gauge(upstream.pending()),
          OldestWait(upstream),
          Quantile(whole, 0.5),
          Quantile(whole, 0.99),
          {Count(upstream.unanswered()), upstream.unanswered() > 0 ? Tone::kBad : Tone::kPlain},
          Quantile(first, 0.5),
          Gauge(upstream.connections()),
          ErrorCell(Errors(upstream.codes()))};
}

Table UpstreamTable(const v1::Stats& stats, const v1::Stats* before) {
  const Kind number = Kind::kNumber;
  Table table{{{"UPSTREAM", Kind::kName},
               {"CALLS", number},
               {"RATE", number},
               {"ACTIVE", number},
               {"PENDING", number},
               {"OLDEST WAIT", number},
               {"P50", number},
               {"P99", number},
               {"UNANSWERED", number},
               {"FIRST BYTE P50", number, true},
               {"CONNECTIONS", number, true},
               {"ERRORS", Kind::kText, true}},
              {}};
  for (const v1::UpstreamStats& upstream : stats.upstreams()) {
    table.rows.push_back(Row(upstream, Find(before, upstream), Elapsed(stats, before)));
  }
  return table;
}

// Rates have no column before there is an interval.
Table WithoutRate(Table table) {
  const size_t rate = 2;
  table.columns.erase(table.columns.begin() + rate);
  for (auto& row : table.rows) row.erase(row.begin() + rate);
  return table;
}

std::string Saved(const v1::Stats& stats) {
  uint64_t calls = 0;
  uint64_t saved = 0;
  uint64_t bytes = 0;
  for (const v1::RouteStats& route : stats.routes()) {
    calls += route.calls();
    saved += route.saved();
    bytes += route.saved_bytes();
  }
  return absl::StrCat(Share(saved, calls), " of ", Count(calls), " calls, ", Bytes(bytes));
}

std::string Cache(const v1::CacheStats& cache) {
  return absl::StrCat(Count(cache.entries()), " entries, ", Bytes(cache.bytes()), " of ",
                      Bytes(cache.max_bytes()), "; ", Count(cache.stores()), " stored, ",
                      Count(cache.evictions()), " evicted, ", Count(cache.expired()), " expired, ",
                      Count(cache.purged()), " purged");
}

Facts Summary(const v1::Stats& stats) {
  Facts facts = {
      {"up", Span(DurationOf(stats.uptime()))},
      {"saved", Saved(stats)},
      {"now", absl::StrCat(Gauge(stats.flights()), " flights, ", Gauge(stats.waiters()),
                           " waiters, ", Gauge(stats.connections()), " connections")},
      {"memory", absl::StrCat(Bytes(stats.resident_bytes()), "; ", Bytes(stats.buffered_bytes()),
                              " of ", Bytes(stats.max_buffered_bytes()), " held for calls")},
      {"cache", Cache(stats.cache())},
  };
  if (stats.unrouted() > 0) {
    facts.emplace_back("no route", Cell(Count(stats.unrouted()) + " calls", Tone::kWarning));
  }
  return facts;
}

}  // namespace

std::string ViewStats(const v1::Stats& stats, const v1::Stats* before, const Style& style) {
  Table routes = RouteTable(stats, before);
  Table upstreams = UpstreamTable(stats, before);
  if (before == nullptr) {
    routes = WithoutRate(std::move(routes));
    upstreams = WithoutRate(std::move(upstreams));
  }
  return absl::StrCat(LayFacts(Summary(stats), style.paper), "\n", Lay(routes, style.paper), "\n",
                      Lay(upstreams, style.paper));
}

}  // namespace singleflight::ctl
