#include "server/app.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <deque>
#include <latch>
#include <map>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/admin/health_server.h"
#include "server/core/read_path.h"
#include "server/metrics/registry.h"
#include "server/net/cpus.h"
#include "server/net/listener.h"
#include "server/net/tls_context.h"
#include "server/proxy/frontend.h"
#include "server/upstream/pool.h"
#include "server/upstream/resolver.h"

namespace singleflight {
namespace {

// While draining, how often it is looked whether all calls have ended.
constexpr std::chrono::milliseconds kDrainPoll(5);

// After the connections of calls that did not end in time were cut: their flights get this long to
// notice.
constexpr std::chrono::seconds kCutOffTime(1);

std::string IdentityOf(const upstream::UpstreamOptions& options, const net::SharedTlsContext& tls) {
  return absl::StrCat(options.name, "\n", options.target, "\n",
                      absl::StrJoin(options.endpoints, "\n"), "\n",
                      tls == nullptr ? "plaintext" : tls->trust());
}

absl::StatusOr<net::SharedTlsContext> TlsOf(const upstream::UpstreamOptions& options) {
  if (!options.tls.has_value()) return net::SharedTlsContext();
  absl::StatusOr<upstream::Target> target = upstream::ParseTarget(options);
  if (!target.ok()) return target.status();
  return net::OrStatus(net::TlsContext::ForUpstream(*options.tls, net::HostOf(target->authority)),
                       absl::StrCat("upstream '", options.name, "': tls."));
}

absl::StatusOr<net::SharedTlsContext> TlsOf(const net::ListenerOptions& options) {
  if (!options.tls.has_value()) return net::SharedTlsContext();
  return net::OrStatus(net::TlsContext::ForListener(*options.tls),
                       absl::StrCat("listener ", options.address, ": tls."));
}

std::string RouteLabel(const core::RouteOptions& options) {
  return options.match.authority.has_value()
             ? absl::StrCat(*options.match.authority, options.match.method)
             : options.match.method;
}

}  // namespace

// One worker and what lives on it. Everything but the counters belongs to its thread once that
// runs.
struct WorkerParts {
  WorkerParts(size_t index, size_t routes, size_t upstreams, core::BufferBudget& budget)
      : metrics(routes, upstreams), buffered(budget), worker(index) {}

  metrics::WorkerMetrics metrics;
  core::Buffered buffered;
  net::Worker worker;
  std::deque<upstream::Pool> pools;  // by index of the upstream
  std::unique_ptr<core::ReadPath> read_path;
  std::unique_ptr<proxy::Frontend> frontend;
};

struct App::Parts {
  explicit Parts(const config::Config& config) : config(config) {}

  const config::Config config;
  boost::asio::io_context control{1};
  boost::asio::signal_set signals{control};
  boost::asio::steady_timer drain_poll{control};
  boost::asio::steady_timer drain_deadline{control};
  std::atomic<bool> draining{false};
  int exit_status = 0;

  core::BufferBudget budget{config.limits.max_buffered_bytes};
  std::deque<core::SharedUpstream> shared_upstreams;
  model::Fingerprints fingerprints;  // of the routes' keys and the listeners' trust
  core::RouteTable routes;
  std::vector<net::SharedTlsContext> upstream_tls;  // by index of the upstream; null: plaintext
  core::FlightTable flights;
  cache::Store store{config.cache};
  proxy::Admission admission{config.limits};
  std::deque<WorkerParts> workers;
  std::deque<upstream::Resolver> resolvers;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  // By index of the listener; worker 0's, which accepts, once that runs.
  std::vector<std::shared_ptr<const proxy::Entrance>> entrances;
  std::map<std::string, int64_t> certificates;  // when each file's ends
  metrics::Registry registry;
  std::unique_ptr<admin::HealthServer> health;

  absl::Status Build(uint64_t seed);
  absl::Status LoadTls();
  void NoteCertificates(const net::SharedTlsContext& tls);
  void BuildRoutes(uint64_t seed);
  absl::Status BuildUpstreams(uint64_t seed);
  void BuildWorkers();
  absl::Status OpenListeners();
  void BuildRegistry();
  absl::Status OpenHealth();

  void Assign(net::Listener::Accepted accepted, std::shared_ptr<const proxy::Entrance> entrance);
  void Start();
  void AwaitSignal();
  void BeginDrain();
  void AwaitDrained();
  void CutOff();
  int64_t OpenConnections();
  void Stop();
  int64_t FlightsInTheAir() const;
  void PassThroughEveryLoop();
};

absl::Status App::Parts::Build(uint64_t seed) {
  signals.add(SIGTERM);
  signals.add(SIGINT);
  if (absl::Status status = LoadTls(); !status.ok()) return status;
  BuildRoutes(seed);
  BuildWorkers();
  if (absl::Status status = BuildUpstreams(seed); !status.ok()) return status;
  if (absl::Status status = OpenListeners(); !status.ok()) return status;
  BuildRegistry();
  return OpenHealth();
}

absl::Status App::Parts::LoadTls() {
  for (const upstream::UpstreamOptions& options : config.upstreams) {
    absl::StatusOr<net::SharedTlsContext> tls = TlsOf(options);
    if (!tls.ok()) return tls.status();
    NoteCertificates(*tls);
    upstream_tls.push_back(*std::move(tls));
  }
  for (const net::ListenerOptions& options : config.listeners) {
    absl::StatusOr<net::SharedTlsContext> tls = TlsOf(options);
    if (!tls.ok()) return tls.status();
    NoteCertificates(*tls);
    const std::string trust = *tls == nullptr ? "plaintext" : (*tls)->trust();
    entrances.push_back(std::make_shared<const proxy::Entrance>(
        proxy::Entrance{*tls, fingerprints.NumberOf(absl::StrCat("trust ", trust))}));
  }
  return absl::OkStatus();
}

void App::Parts::NoteCertificates(const net::SharedTlsContext& tls) {
  if (tls == nullptr) return;
  for (const net::TlsContext::Expiry& expiry : tls->expiries()) {
    certificates[expiry.file] = expiry.at;
  }
}

void App::Parts::BuildRoutes(uint64_t seed) {
  for (const upstream::UpstreamOptions& options : config.upstreams) {
    shared_upstreams.emplace_back(options.name, options.max_flights,
                                  static_cast<int64_t>(options.max_held_bytes),
                                  options.release_concurrency);
    shared_upstreams.back().budget = &budget;
  }
  for (const core::RouteOptions& route : config.routes) {
    size_t upstream = 0;
    while (config.upstreams[upstream].name != route.upstream) ++upstream;
    routes.Add(route, upstream, shared_upstreams[upstream],
               model::KeyPolicy(
                   route.key,
                   absl::StrCat(IdentityOf(config.upstreams[upstream], upstream_tls[upstream]),
                                "\n", core::PolicyOf(route)),
                   seed, fingerprints));
  }
}

void App::Parts::BuildWorkers() {
  const int threads = config.threads > 0 ? config.threads : net::AllowedCpus();
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back(static_cast<size_t>(i), config.routes.size(), config.upstreams.size(),
                         budget);
  }
}

// Each upstream is looked up once for all workers, and has connections on each.
absl::Status App::Parts::BuildUpstreams(uint64_t seed) {
  for (size_t i = 0; i < config.upstreams.size(); ++i) {
    const upstream::UpstreamOptions& options = config.upstreams[i];
    absl::StatusOr<upstream::Target> target = upstream::ParseTarget(options);
    if (!target.ok()) return target.status();
    const std::string authority = target->authority;
    upstream::Resolver& resolver = resolvers.emplace_back(
        control, options.name, *std::move(target), options.dns_refresh,
        [this, i](upstream::SharedEndpointList list) {
          for (WorkerParts& parts : workers) {
            parts.worker.Post([&pool = parts.pools[i], list] { pool.SetEndpoints(list); });
          }
        });
    for (WorkerParts& parts : workers) {
      parts.pools.emplace_back(parts.worker, options, authority, upstream_tls[i],
                               http2::SessionOptions(), parts.metrics.upstreams[i],
                               seed + parts.worker.index(),
                               upstream::Pool::Hooks{[&resolver] { resolver.Refresh(); }});
    }
  }
  const auto limits = std::make_shared<const proxy::LimitOptions>(config.limits);
  for (WorkerParts& parts : workers) {
    std::vector<core::Upstream*> upstreams;
    for (upstream::Pool& pool : parts.pools) upstreams.push_back(&pool);
    parts.read_path = std::make_unique<core::ReadPath>(
        core::Surroundings{parts.worker, flights, store, std::move(upstreams), parts.metrics,
                           absl::StrCat("sf-", absl::Hex(seed, absl::kZeroPad16)), parts.buffered});
    parts.frontend = std::make_unique<proxy::Frontend>(
        parts.worker, proxy::CallContext{*parts.read_path, routes, config.reply_marks, limits},
        parts.metrics.downstream, seed + parts.worker.index());
  }
  return absl::OkStatus();
}

absl::Status App::Parts::OpenListeners() {
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    absl::StatusOr<std::unique_ptr<net::Listener>> listener = net::Listener::Open(
        workers.front().worker, config.listeners[i],
        [this, i](net::Listener::Accepted accepted) { Assign(accepted, entrances[i]); });
    if (!listener.ok()) return listener.status();
    listeners.push_back(*std::move(listener));
  }
  return absl::OkStatus();
}

// A connection goes to the worker that has the fewest.
void App::Parts::Assign(net::Listener::Accepted accepted,
                        std::shared_ptr<const proxy::Entrance> entrance) {
  absl::optional<proxy::Admission::Pass> pass =
      admission.Admit(proxy::Admission::PeerOf(accepted.fd));
  if (!pass.has_value()) {
    ::close(accepted.fd);
    return;
  }
  WorkerParts* least = &workers.front();
  for (WorkerParts& parts : workers) {
    if (parts.frontend->load() < least->frontend->load()) least = &parts;
  }
  least->frontend->load().fetch_add(1, std::memory_order_relaxed);
  least->worker.Post([frontend = least->frontend.get(), accepted, entrance = std::move(entrance),
                      pass = *std::move(pass)]() mutable {
    frontend->Serve(accepted, std::move(entrance), std::move(pass));
  });
}

void App::Parts::BuildRegistry() {
  for (const WorkerParts& parts : workers) {
    registry.Add([this, &metrics = parts.metrics](metrics::Visitor& visitor) {
      metrics.downstream.Show(visitor);
      for (size_t i = 0; i < config.routes.size(); ++i) {
        metrics.routes[i].Show(RouteLabel(config.routes[i]), visitor);
      }
      for (size_t i = 0; i < config.upstreams.size(); ++i) {
        metrics.upstreams[i].Show(config.upstreams[i].name, visitor);
      }
    });
  }
  registry.Add([this](metrics::Visitor& visitor) {
    store.Show(visitor);
    admission.Show(visitor);
    int64_t buffered = budget.bytes();
    for (const WorkerParts& parts : workers) buffered += parts.buffered.untold();
    visitor.Level("singleflight_buffered_bytes",
                  "Bytes held for calls: by flights, requests being collected, and relays.", {},
                  buffered);
    visitor.Level("singleflight_waiters", "Callers aboard flights now.", {},
                  static_cast<int64_t>(flights.waiting()));
    for (const core::SharedUpstream& upstream : shared_upstreams) {
      const metrics::Labels labels = {{"upstream", upstream.name}};
      visitor.Level("singleflight_flights", "Flights in the air now.", labels,
                    upstream.flights.load(std::memory_order_relaxed));
      visitor.Level("singleflight_held_bytes",
                    "Request and reply bytes held by flights, and by replies being written.",
                    labels, upstream.held_bytes.load(std::memory_order_relaxed));
      visitor.Level("singleflight_release_queue",
                    "Callers released from a flight that wait to make their own call.", labels,
                    static_cast<int64_t>(upstream.release_gate.queued()));
    }
    for (const auto& [file, ends] : certificates) {
      visitor.Level("singleflight_certificate_expires_at_seconds",
                    "When the certificate in use from that file ends, in Unix time.",
                    {{"file", file}}, ends);
    }
    visitor.Level("singleflight_draining", "1 from SIGTERM on.", {}, draining ? 1 : 0);
  });
}

absl::Status App::Parts::OpenHealth() {
  if (config.health.address.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<admin::HealthServer>> opened = admin::HealthServer::Open(
      control, config.health,
      {[this] { return !draining.load(); }, [this] { return registry.Render(); }});
  if (!opened.ok()) return opened.status();
  health = *std::move(opened);
  return absl::OkStatus();
}

void App::Parts::Start() {
  for (upstream::Resolver& resolver : resolvers) resolver.Start();
  for (WorkerParts& parts : workers) parts.worker.Start();
  for (const auto& listener : listeners) {
    workers.front().worker.Post([&listener = *listener] { listener.Start(); });
  }
}

void App::Parts::AwaitSignal() {
  signals.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (draining) {
      spdlog::warn("second signal: ending at once");
      ::_exit(128 + signal);
    }
    BeginDrain();
    AwaitSignal();
  });
}

void App::Parts::BeginDrain() {
  spdlog::info("draining: no new connections; running calls have {}",
               absl::FormatDuration(config.drain_timeout));
  draining = true;
  workers.front().worker.Post([this] {
    for (const auto& listener : listeners) listener->Close();
    for (WorkerParts& parts : workers) {
      parts.worker.Post([&frontend = *parts.frontend] { frontend.Drain(); });
    }
  });
  drain_deadline.expires_after(absl::ToChronoNanoseconds(config.drain_timeout));
  drain_deadline.async_wait([this](const boost::system::error_code& error) {
    if (!error) CutOff();
  });
  AwaitDrained();
}

int64_t App::Parts::OpenConnections() {
  int64_t open = 0;
  for (WorkerParts& parts : workers) open += parts.frontend->load();
  return open;
}

void App::Parts::AwaitDrained() {
  if (OpenConnections() == 0) {
    spdlog::info("drained");
    return control.stop();
  }
  drain_poll.expires_after(kDrainPoll);
  drain_poll.async_wait([this](const boost::system::error_code& error) {
    if (!error) AwaitDrained();
  });
}

void App::Parts::CutOff() {
  spdlog::warn("drain_timeout has passed: ending {} connections with calls in the air",
               OpenConnections());
  exit_status = 1;
  for (WorkerParts& parts : workers) {
    parts.worker.Post([&frontend = *parts.frontend] { frontend.CloseAll(); });
  }
  drain_deadline.expires_after(kCutOffTime);
  drain_deadline.async_wait([this](const boost::system::error_code&) { control.stop(); });
}

// Pools first, so that flights which nobody waits for end as well; then the loops; then, in the
// destructor, what lived on them.
void App::Parts::Stop() {
  for (WorkerParts& parts : workers) {
    parts.worker.Post([&parts] {
      parts.frontend->CloseAll();
      for (upstream::Pool& pool : parts.pools) pool.Shutdown();
    });
  }
  for (auto left = kCutOffTime / kDrainPoll; left > 0 && FlightsInTheAir() > 0; --left) {
    std::this_thread::sleep_for(kDrainPoll);
  }
  // Landings that are on their way from one loop to another arrive.
  for (int hop = 0; hop < 2; ++hop) PassThroughEveryLoop();
  for (WorkerParts& parts : workers) parts.worker.Stop();
  for (core::SharedUpstream& upstream : shared_upstreams) upstream.release_gate.Clear();
}

int64_t App::Parts::FlightsInTheAir() const {
  int64_t flights = 0;
  for (const core::SharedUpstream& upstream : shared_upstreams) flights += upstream.flights;
  return flights;
}

void App::Parts::PassThroughEveryLoop() {
  std::latch passed(static_cast<ptrdiff_t>(workers.size()));
  for (WorkerParts& parts : workers) parts.worker.Post([&passed] { passed.count_down(); });
  passed.wait();
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

App::~App() = default;

absl::StatusOr<std::unique_ptr<App>> App::Build(const config::Config& config, uint64_t seed) {
  auto parts = std::make_unique<Parts>(config);
  if (absl::Status status = parts->Build(seed); !status.ok()) return status;
  return std::unique_ptr<App>(new App(std::move(parts)));
}

std::string App::Announcement() const {
  std::vector<std::string> addresses;
  for (const auto& listener : parts_->listeners) addresses.push_back(listener->address());
  std::string text = absl::StrCat("listening on ", absl::StrJoin(addresses, ", "));
  if (parts_->health != nullptr) absl::StrAppend(&text, "; health on ", parts_->health->address());
  return text;
}

int App::Run() {
  parts_->AwaitSignal();
  parts_->Start();
  parts_->control.run();
  parts_->Stop();
  return parts_->exit_status;
}

}  // namespace singleflight
