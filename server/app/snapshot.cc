// From a configuration, and what schemas make of it, to what each worker works with.

#include "server/app/snapshot.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace singleflight::app {
namespace {

struct Snapshot {
  std::shared_ptr<RouteSet> routes;
  absl::optional<trace::Tracer> tracer;
  std::minstd_rand random;
  absl::optional<core::ReadPath> read_path;
  absl::optional<proxy::CallContext> context;
  std::vector<std::shared_ptr<proxy::CallObserver>> observers;
};

size_t IndexOf(const Upstreams::List& upstreams, absl::string_view name) {
  size_t at = 0;
  while (upstreams[at]->options.name != name) ++at;  // the configuration is sound: it is there
  return at;
}

}  // namespace

std::shared_ptr<RouteSet> MakeRouteSet(const config::Config& config, Upstreams::List upstreams,
                                       model::KeySeed seed, model::Fingerprints& fingerprints,
                                       std::vector<RouteRules::Applied> applied,
                                       const std::vector<const core::Route*>& before) {
  if (applied.empty()) {
    for (const core::RouteOptions& route : config.routes) applied.push_back({route, {}});
  }
  auto routes = std::make_shared<RouteSet>();
  routes->marks = config.reply_marks;
  routes->limits = std::make_shared<const proxy::LimitOptions>(config.limits);
  for (RouteRules::Applied& route : applied) {
    const size_t at = IndexOf(upstreams, route.options.upstream);
    const Upstreams::Running& upstream = *upstreams[at];
    const auto policy_of = [&](const core::RouteOptions& options) {
      return model::KeyPolicy(options.key,
                              absl::StrCat(upstream.identity, "\n", core::PolicyOf(options)), seed,
                              fingerprints);
    };
    const size_t index = routes->table.routes().size();
    core::Route& added =
        routes->table.Add(route.options, at, *upstream.shared, policy_of(route.options),
                          before.empty() ? nullptr : before[index]);
    for (RouteRules::OfMethods& some : route.of_methods) {
      routes->table.AddFor(added, some.methods, some.options, policy_of(some.options));
    }
  }
  routes->upstreams = std::move(upstreams);
  return routes;
}

std::string RouteLabel(const core::RouteOptions& route) { return core::ToText(route.match); }

std::vector<std::string> RouteLabels(const config::Config& config) {
  std::vector<std::string> labels;
  for (const core::RouteOptions& route : config.routes) labels.push_back(RouteLabel(route));
  return labels;
}

Shared::Shared(const config::Config& config, uint64_t hop)
    : store(config.cache),
      budget(config.limits.max_buffered_bytes),
      chain_hop(absl::StrCat("sf-", absl::Hex(hop, absl::kZeroPad16))),
      seed(hop) {}

std::shared_ptr<const proxy::CallContext> MakeSnapshot(
    net::Worker& worker, memory::Buffered& buffered, Shared& shared,
    std::shared_ptr<RouteSet> routes, core::MetricsByRoute metrics, survey::SurveyByRoute surveys,
    std::shared_ptr<proxy::DownstreamMetrics> downstream, absl::optional<trace::Tracer> tracer) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->routes = std::move(routes);
  if (tracer.has_value()) snapshot->tracer.emplace(*tracer);
  snapshot->random.seed(static_cast<std::minstd_rand::result_type>(shared.seed + worker.index()));
  std::vector<core::Upstream*> pools;
  for (const auto& upstream : snapshot->routes->upstreams) {
    pools.push_back(&upstream->On(worker.index()));
  }
  snapshot->read_path.emplace(core::LoopContext{
      worker, shared.flights, shared.store, std::move(pools), std::move(metrics),
      downstream->bounds.counter(http2::Bound::kBufferedBytes), shared.chain_hop, buffered,
      snapshot, std::move(surveys), snapshot->tracer.has_value() ? &*snapshot->tracer : nullptr,
      &snapshot->random});
  const RouteSet& set = *snapshot->routes;
  snapshot->observers = set.observers;
  if (set.access_log != nullptr) {
    snapshot->observers.push_back(set.access_log(worker, downstream->access_log_lines));
  }
  proxy::CallContext context{*snapshot->read_path, snapshot->routes->table, set.marks, set.limits,
                             std::move(downstream)};
  context.observers = snapshot->observers;
  snapshot->context.emplace(std::move(context));
  return std::shared_ptr<const proxy::CallContext>(snapshot, &*snapshot->context);
}

}  // namespace singleflight::app
