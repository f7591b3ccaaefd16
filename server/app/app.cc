// Builds the proxy, and takes over configurations.

#include "server/app/app.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/app/descriptors.h"
#include "server/app/last_resort.h"
#include "server/app/sharing.h"
#include "server/host/cpus.h"
#include "server/host/process.h"

namespace singleflight::app {
namespace {

// After a second signal the process ends after no more than this, and sooner where the log is read.
constexpr std::chrono::milliseconds kLastWordTime(100);

// At the end flights have this long to notice that their connections are closed, then pools as long
// to go, and then the collector as long to take the last spans.
constexpr std::chrono::milliseconds kPatience(1000);

// All of that takes far less, unless a worker stands still.
constexpr std::chrono::seconds kEndPatience(5);

// What rules of keys may take that backends' schemas have asked for: they are kept while the
// process runs, because keys refer to them.
constexpr size_t kMostFingerprintBytes = 32u << 20;

size_t WorkersOf(const config::Config& config) {
  return static_cast<size_t>(config.threads > 0 ? config.threads : host::AllowedCpus());
}

// Of the option; of its section, or of the file, where those do not have it.
std::string PlaceOf(absl::string_view option, const config::Config& config) {
  while (config.places.count(std::string(option)) == 0 && !option.empty()) {
    const size_t dot = option.rfind('.');
    option = option.substr(0, dot == absl::string_view::npos ? 0 : dot);
  }
  const auto found = config.places.find(std::string(option));
  return found == config.places.end() ? "" : absl::StrCat(found->second, ": ");
}

// What a running process cannot take over from another configuration.
absl::Status RefuseWhatNeedsRestart(const config::Config& running, const config::Config& next) {
  std::vector<std::string> changed;
  const auto compare = [&](bool same, absl::string_view option) {
    if (same) return;
    changed.push_back(absl::StrCat(
        PlaceOf(option, next), option,
        ": only a restart changes this; restart the proxy, or put back what was there"));
  };
  compare(running.threads == next.threads, "threads");
  compare(running.cache.max_bytes == next.cache.max_bytes ||
              (running.cache_follows_memory && next.cache_follows_memory),
          "cache.max_bytes");
  compare(running.cache.max_entry_bytes == next.cache.max_entry_bytes, "cache.max_entry_bytes");
  compare(running.health.address == next.health.address, "health.address");
  compare(running.metrics.latency_buckets == next.metrics.latency_buckets,
          "metrics.latency_buckets");
  compare(running.admin.grpc == next.admin.grpc, "admin.grpc");
  compare(running.admin.http == next.admin.http, "admin.http");
  compare(running.admin.allowed_hosts == next.admin.allowed_hosts, "admin.allowed_hosts");
  compare(running.admin.token_file == next.admin.token_file, "admin.token_file");
  compare(running.admin.tls == next.admin.tls, "admin.tls");
  if (changed.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrJoin(changed, "\n"));
}

absl::StatusOr<net::HandedOver> TakeHandedOver(const host::Service& service) {
  net::HandedOver handed_over;
  for (const host::Service::Descriptor& descriptor : service.descriptors) {
    absl::Status status = handed_over.Take(descriptor.fd, descriptor.name);
    if (!status.ok()) return status;
  }
  return handed_over;
}

}  // namespace

App::App(const config::Loaded& loaded, Options options, net::HandedOver handed_over)
    : first_(loaded),
      options_(std::move(options)),
      config_(loaded.config),
      digests_(options_.entropy.digests),
      access_logs_(options_.log->voice(), options_.wall_clock, options_.entropy.jitter, digests_),
      events_(options_.wall_clock),
      shared_(config_, options_.entropy.hop),
      ledgers_(WorkersOf(config_), metrics::LatencyBounds::Of(config_.metrics.latency_buckets)),
      admission_(config_.limits),
      tracing_(WorkersOf(config_), options_.entropy.traces, options_.wall_clock, shared_.chain_hop),
      workers_(WorkersOf(config_), ledgers_, shared_.budget, options_.entropy.jitter),
      upstreams_(
          control_, workers_.loops(), ledgers_.upstreams, shared_.budget, options_.entropy.jitter,
          [this](const net::Endpoint& endpoint) { return own_listeners_.AreAt(endpoint); },
          options_.wall_clock, events_),
      schemas_(control_, options_.wall_clock, events_, SchemaHooks(), Schemas::Pace()),
      doors_(
          workers_.entry(), fingerprints_,
          [this](net::Listener::Accepted accepted,
                 std::shared_ptr<const proxy::Entrance> entrance) {
            Admit(accepted, std::move(entrance));
          },
          std::move(handed_over)),
      reloader_(
          control_, options_.config_path, options_.wall_clock,
          [this](const config::Config& next) { return Apply(next); },
          Reloader::Events{[this] { supervision_.Reloading(); },
                           [this] { supervision_.Reloaded(Status()); }}),
      drain_(control_, options_.wall_clock, DrainHooks(), Drain::Pace()),
      supervision_(control_, workers_.loops(), options_.service, options_.clock),
      pages_({ledgers_, shared_, admission_, workers_, upstreams_, schemas_, rules_, doors_,
              reloader_, drain_, tracing_, *options_.log, access_logs_, supervision_}),
      steering_(control_, {config_, options_.config_path, options_.wall_clock, ledgers_, routes_,
                           digests_, shared_, workers_, upstreams_, schemas_, doors_, reloader_,
                           drain_, supervision_, *options_.log, events_}),
      rights_(config_.admin.token_file) {
  pages_.AlsoShow([this](metrics::Visitor& visitor) {
    if (routes_ != nullptr) ShowSharing(*routes_, visitor);
  });
  reloader_.set_on_outcome([this](std::string kind, std::string text) {
    events_.Add(std::move(kind), options_.config_path, std::move(text));
  });
}

absl::StatusOr<std::unique_ptr<App>> App::Build(const config::Loaded& loaded, Options options) {
  absl::StatusOr<net::HandedOver> handed_over = TakeHandedOver(options.service);
  if (!handed_over.ok()) return handed_over.status();
  std::unique_ptr<App> app(new App(loaded, std::move(options), *std::move(handed_over)));
  if (absl::Status status = app->Begin(); !status.ok()) return status;
  return app;
}

App::~App() { Stop(); }

// Until here nothing runs.
absl::Status App::Begin() {
  workers_.Start();
  if (absl::Status status = Apply(config_); !status.ok()) return status;
  if (absl::Status status = pages_.Open(control_, config_.health); !status.ok()) return status;
  return OpenAdmin();
}

absl::Status App::OpenAdmin() {
  if (!config_.admin.grpc.empty() || !config_.admin.http.empty()) {
    pages_.AlsoShow([this](metrics::Visitor& visitor) { rights_.Show(visitor); });
  }
  if (absl::Status status = OpenDashboard(); !status.ok()) return status;
  if (config_.admin.grpc.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<admin::GrpcServer>> opened =
      admin::GrpcServer::Open(config_.admin, steering_, rights_);
  if (opened.ok()) admin_ = *std::move(opened);
  return opened.status();
}

absl::Status App::OpenDashboard() {
  if (config_.admin.http.empty()) return absl::OkStatus();
  const auto text = [this](auto write) { return [this, write] { return steering_.Write(write); }; };
  absl::StatusOr<std::unique_ptr<admin::AdminHttp>> opened = admin::AdminHttp::Open(
      {config_.admin.http, config_.admin.http_where, config_.admin.allowed_hosts,
       config_.admin.tls},
      steering_, rights_,
      {text([this] { return pages_.Status(); }), text([this] { return config_.text; }),
       text([this] { return pages_.Metrics(); })});
  if (!opened.ok()) return opened.status();
  dashboard_ = *std::move(opened);
  pages_.AlsoShow([this](metrics::Visitor& visitor) {
    if (dashboard_ != nullptr) dashboard_->Show(visitor);
  });
  return absl::OkStatus();
}

std::string App::Announcement() const {
  std::string text = absl::StrCat("listening on ", absl::StrJoin(doors_.addresses(), ", "));
  if (!pages_.address().empty()) absl::StrAppend(&text, "; health on ", pages_.address());
  if (admin_ != nullptr) absl::StrAppend(&text, "; admin (grpc) on ", admin_->address());
  if (dashboard_ != nullptr) absl::StrAppend(&text, "; admin (http) on ", dashboard_->address());
  return text;
}

std::string App::Status() const {
  return absl::StrCat("serving, ", Announcement(),
                      reloader_.refused().empty() ? "" : "; the latest configuration is refused");
}

int App::Run() {
  drain_.AwaitSignal();
  AwaitHangup();
  AwaitReopening();
  reloader_.Begin(first_);
  supervision_.Ready(Status());
  control_.run();
  const LastResort end(kEndPatience, [this] {
    spdlog::error("a worker does not turn: the process ends without it");
    EndNow(1);
  });
  Stop();
  return drain_.exit_status();
}

// First everything that can fail, then what cannot. Workers hear of it one after the other, each of
// the whole; nobody comes in by a new door before all have.
absl::Status App::Apply(const config::Config& next) {
  if (absl::Status status = RefuseWhatNeedsRestart(config_, next); !status.ok()) return status;
  absl::StatusOr<Upstreams::List> backends = upstreams_.Prepare(next.upstreams);
  if (!backends.ok()) return backends.status();
  const absl::StatusOr<Doors::Plan> plan = doors_.Prepare(next.listeners);
  if (!plan.ok()) return plan.status();
  absl::StatusOr<Tracing::Prepared> collector = Tracing::Prepare(next.tracing);
  if (!collector.ok()) return collector.status();
  absl::StatusOr<Schemas::List> schemas = schemas_.Prepare(next);
  if (!schemas.ok()) return schemas.status();

  const config::Config former = config_;
  config_ = next;
  const std::shared_ptr<RouteSet> former_routes = routes_;  // null: this is the first
  SetAdmission();
  shared_.budget.set_max(config_.limits.max_buffered_bytes);
  drain_.set_timeout(config_.drain_timeout);
  ledgers_.Prune();
  own_listeners_.Set(*plan);
  upstreams_.Adopt(*backends);
  tracing_.Adopt(*std::move(collector));
  schemas_.Adopt(*std::move(schemas));
  SetRules();
  SetRoutes(*std::move(backends), former_routes != nullptr && reloader_.by_itself()
                                      ? SameRoutes(former, *former_routes, config_)
                                      : std::vector<const core::Route*>());
  if (former_routes != nullptr) {
    DropKept(WhyDropKept(former, *former_routes, config_, *routes_));
  }
  // Behind what these doors have let in.
  workers_.entry().Post([this, gone = doors_.Adopt(*plan)] {
    for (const uint64_t door : gone) {
      workers_.OnEach([door](proxy::Frontend& clients) { clients.DrainDoor(door); });
    }
  });
  options_.log->SetUp(config_.log);
  return absl::OkStatus();
}

void App::SetAdmission() {
  const uint64_t limit = host::DescriptorLimit();
  const uint64_t for_clients =
      DescriptorsForClients(limit, workers_.size(), config_.upstreams.size());
  admission_.SetLimits(config_.limits, for_clients);
  WarnOfDescriptors(config_.limits.max_connections, for_clients, limit);
}

// A changed file says nothing of what the author of a rule means now; whoever has the configuration
// loaded does.
void App::SetRules() {
  const std::vector<std::string> labels = RouteLabels(config_);
  std::vector<RouteRules> rules;
  for (size_t i = 0; i < labels.size(); ++i) {
    const core::RouteOptions& options = config_.routes[i];
    const auto before = std::find_if(rules_.begin(), rules_.end(), [&](const RouteRules& rule) {
      return reloader_.by_itself() && rule.IsFor(options);
    });
    if (before == rules_.end()) {
      rules.emplace_back(options, labels[i]);
    } else {
      rules.push_back(std::move(*before));
      rules.back().SetOptions(options);
    }
  }
  rules_ = std::move(rules);
}

Schemas::Hooks App::SchemaHooks() {
  Schemas::Hooks hooks;
  hooks.serves = [this](const std::string& name) {
    for (const auto& running : upstreams_.in_force()) {
      if (running->options.name == name) return running->AnyServes();
    }
    return false;
  };
  hooks.has_room = [this] { return fingerprints_.bytes() < kMostFingerprintBytes; };
  hooks.on_change = [this] {
    SetRoutes(upstreams_.in_force(), SameRoutes(config_, *routes_, config_));
  };
  return hooks;
}

// A schema that changes, or a certificate, says nothing of what `verify` has found: that holds
// until people have the routes share again (`before`).
void App::SetRoutes(Upstreams::List upstreams, const std::vector<const core::Route*>& before) {
  std::vector<RouteRules::Applied> applied;
  for (size_t i = 0; i < rules_.size(); ++i) {
    applied.push_back(rules_[i].Under(schemas_.Of(config_.routes[i].upstream).get()));
  }
  const std::shared_ptr<RouteSet> routes =
      MakeRouteSet(config_, std::move(upstreams), options_.entropy.keys, fingerprints_,
                   std::move(applied), before);
  routes->access_log = access_logs_.For(config_.access_log, RouteLabels(config_));
  TellOfSharing(*routes, before, events_);
  routes_ = routes;
  workers_.SetContexts([&](net::Worker& loop) {
    const std::vector<std::string> labels = RouteLabels(config_);
    return MakeSnapshot(loop, *loop.buffered(), shared_, routes,
                        ledgers_.routes.AllOf(loop.index(), labels),
                        ledgers_.SurveysOf(loop.index(), labels), ledgers_.downstream[loop.index()],
                        tracing_.TracerFor(loop.index()));
  });
}

// Once no call begins by the former routes any more.
void App::DropKept(const std::string& why) {
  if (why.empty()) return;
  spdlog::info("what was kept is dropped: {}", why);
  const std::shared_ptr<void> last(
      nullptr, [&store = shared_.store](void*) { store.Purge(cache::EverythingScope()); });
  workers_.OnEach([last](proxy::Frontend&) {});
}

// A connection goes to the worker that has the fewest.
void App::Admit(net::Listener::Accepted accepted, std::shared_ptr<const proxy::Entrance> entrance) {
  absl::optional<proxy::Admission::Pass> pass =
      admission_.Admit(proxy::Admission::PeerOf(accepted.fd), accepted.fd);
  if (!pass.has_value()) {
    ::close(accepted.fd);
    return;
  }
  workers_.Least().Serve(accepted, std::move(entrance), *std::move(pass));
}

void App::AwaitHangup() {
  hangups_.Await([this](int) {
    if (!drain_.draining()) reloader_.Reload("SIGHUP");
    AwaitHangup();
  });
}

void App::AwaitReopening() {
  reopenings_.Await([this](int) {
    access_logs_.Reopen();
    AwaitReopening();
  });
}

Drain::Hooks App::DrainHooks() {
  Drain::Hooks hooks;
  hooks.begin = [this] {
    events_.Add("drain", "", "the process drains: no new connections");
    supervision_.Stopping("draining: no new connections, and running calls end");
    reloader_.Stop();
    doors_.Close();
    workers_.Drain();
  };
  hooks.connections = [this] { return workers_.connections(); };
  hooks.over = [this] { return workers_.drained(); };
  hooks.cut_off = [this] { workers_.OnEach([](proxy::Frontend& clients) { clients.CloseAll(); }); };
  hooks.abort = [this](int status) { EndNow(status); };
  return hooks;
}

void App::EndNow(int status) {
  options_.log->Drain(kLastWordTime);
  ::_exit(status);
}

// First those who ask and steer, since this thread answers no more. Clients next, and with them
// those that the doors have just let in. Then the pools, so that flights that nobody waits for end
// as well. The loops are last: everything that lives on them is gone.
void App::Stop() {
  steering_.Close();
  admin_.reset();
  dashboard_.reset();
  schemas_.Stop();
  if (!workers_.running()) return;
  doors_.Close();
  workers_.Settle();
  workers_.OnEachNow([](proxy::Frontend& clients) { clients.CloseAll(); });
  upstreams_.Shutdown();
  workers_.SettleUntil([this] { return upstreams_.flights_in_the_air() == 0; }, kPatience);
  routes_.reset();
  workers_.OnEach([](proxy::Frontend& clients) { clients.SetContext(nullptr); });
  workers_.SettleUntil([this] { return !upstreams_.alive(); }, kPatience);
  workers_.Settle();
  workers_.Stop();
  tracing_.Stop(kPatience);
  access_logs_.Drain(kPatience);
}

}  // namespace singleflight::app
