// Builds the proxy, and what signals and new configurations do to it.

#include "server/app/app.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <deque>
#include <map>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/admin/health_server.h"
#include "server/app/descriptors.h"
#include "server/app/doors.h"
#include "server/app/on_worker.h"
#include "server/app/own_listeners.h"
#include "server/app/reloader.h"
#include "server/app/snapshot.h"
#include "server/app/upstreams.h"
#include "server/app/utc.h"
#include "server/host/cpus.h"
#include "server/host/process.h"
#include "server/metrics/registry.h"

namespace singleflight::app {
namespace {

// While draining, how often it is looked whether all calls have ended.
constexpr std::chrono::milliseconds kDrainPoll(5);

// A second signal ends the process after no more than this, and sooner where the log is read.
constexpr std::chrono::milliseconds kLastWordTime(100);

// After the connections of calls that did not end in time were cut: their flights get this long to
// notice.
constexpr std::chrono::seconds kCutOffTime(1);

// One worker, and the clients that it serves. The frontend belongs to the worker's thread.
struct WorkerParts {
  WorkerParts(size_t index, metrics::DownstreamMetrics& metrics, memory::BufferBudget& budget,
              uint64_t seed)
      : buffered(budget), worker(index, &buffered), frontend(worker, metrics, seed) {}

  memory::Buffered buffered;
  net::Worker worker;
  proxy::Frontend frontend;
};

// What a running process cannot take over from another configuration.
absl::Status RefuseWhatNeedsRestart(const config::Config& running, const config::Config& next) {
  std::vector<absl::string_view> changed;
  const auto compare = [&](bool same, absl::string_view option) {
    if (!same) changed.push_back(option);
  };
  compare(running.threads == next.threads, "threads");
  compare(running.cache.max_bytes == next.cache.max_bytes ||
              (running.cache_follows_memory && next.cache_follows_memory),
          "cache.max_bytes");
  compare(running.cache.max_entry_bytes == next.cache.max_entry_bytes, "cache.max_entry_bytes");
  compare(running.health.address == next.health.address, "health.address");
  if (changed.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(absl::StrJoin(changed, ", "),
                   ": only a restart changes this; restart the proxy, or put back what was there"));
}

}  // namespace

struct App::Parts {
  Parts(const config::Loaded& loaded, Options outside);
  ~Parts() { Stop(); }

  absl::Status Build();
  absl::Status Apply(const config::Config& next);
  void Assign(net::Listener::Accepted accepted, std::shared_ptr<const proxy::Entrance> entrance);
  void SetAdmission();
  void FillRegistry();
  void ShowCertificates(metrics::Visitor& visitor) const;
  absl::Status OpenHealth();
  std::string StatusPage() const;
  std::string DrainStatus() const;

  void AwaitSignal();
  void OnSignal(int signal);
  void BeginDrain();
  void AwaitDrained();
  void CutOff();
  int64_t OpenConnections() const;
  void Stop();

  // Does `work` for each worker's part, on its thread, some time soon.
  template <typename Work>
  void OnEachWorker(const Work& work) {
    for (WorkerParts& parts : workers) {
      parts.worker.Post([work, &parts] { work(parts); });
    }
  }

  const config::Loaded first;
  const Options options;
  config::Config config;  // in force

  boost::asio::io_context control{1};
  boost::asio::signal_set signals{control};
  boost::asio::steady_timer drain_poll{control};
  boost::asio::steady_timer drain_deadline{control};
  bool draining = false;
  absl::Time drain_began;
  bool stopped = false;
  int exit_status = 0;

  model::Fingerprints fingerprints;
  Shared shared;
  metrics::Ledger ledger;
  proxy::Admission admission{config.limits};
  std::deque<WorkerParts> workers;
  OwnListeners own_listeners;
  Upstreams upstreams;
  Doors doors;
  Reloader reloader;
  metrics::Registry registry;
  std::unique_ptr<admin::HealthServer> health;

 private:
  static size_t WorkersOf(const config::Config& config) {
    return static_cast<size_t>(config.threads > 0 ? config.threads : host::AllowedCpus());
  }
  std::deque<WorkerParts>& StartWorkers();
  static std::vector<net::Worker*> PointersTo(std::deque<WorkerParts>& workers);
};

App::Parts::Parts(const config::Loaded& loaded, Options outside)
    : first(loaded),
      options(std::move(outside)),
      config(loaded.config),
      shared(config, options.entropy.hop),
      ledger(WorkersOf(config)),
      upstreams(control, PointersTo(StartWorkers()), ledger, shared.budget, options.entropy.jitter,
                [this](const net::Endpoint& endpoint) { return own_listeners.AreAt(endpoint); }),
      doors(workers.front().worker, fingerprints,
            [this](net::Listener::Accepted accepted,
                   std::shared_ptr<const proxy::Entrance> entrance) {
              Assign(accepted, std::move(entrance));
            }),
      reloader(control, options.config_path, options.wall_clock,
               [this](const config::Config& next) { return Apply(next); }) {}

std::deque<WorkerParts>& App::Parts::StartWorkers() {
  for (size_t i = 0; i < WorkersOf(config); ++i) {
    workers.emplace_back(i, *ledger.DownstreamOf(i), shared.budget, options.entropy.jitter + i)
        .worker.Start();
  }
  return workers;
}

std::vector<net::Worker*> App::Parts::PointersTo(std::deque<WorkerParts>& workers) {
  std::vector<net::Worker*> pointers;
  for (WorkerParts& parts : workers) pointers.push_back(&parts.worker);
  return pointers;
}

absl::Status App::Parts::Build() {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals.add(signal);
  host::TakeHangups();
  if (absl::Status status = Apply(config); !status.ok()) return status;
  FillRegistry();
  return OpenHealth();
}

// First everything that can fail, then what cannot. Workers hear of it one after the other, each of
// the whole; nobody comes in by a new door before all have.
absl::Status App::Parts::Apply(const config::Config& next) {
  if (absl::Status status = RefuseWhatNeedsRestart(config, next); !status.ok()) return status;
  absl::StatusOr<Upstreams::List> backends = upstreams.Prepare(next.upstreams);
  if (!backends.ok()) return backends.status();
  const absl::StatusOr<Doors::Plan> plan = doors.Prepare(next.listeners);
  if (!plan.ok()) return plan.status();

  config = next;
  SetAdmission();
  shared.budget.set_max(config.limits.max_buffered_bytes);
  ledger.Prune();
  own_listeners.Set(*plan);
  upstreams.Adopt(*backends);
  const std::shared_ptr<RouteSet> routes =
      MakeRouteSet(config, *std::move(backends), options.entropy.keys, fingerprints);
  std::vector<std::string> names;
  for (const upstream::UpstreamOptions& upstream : config.upstreams) names.push_back(upstream.name);
  for (WorkerParts& parts : workers) {
    auto context = MakeSnapshot(parts.worker, parts.buffered, shared, routes,
                                ledger.Of(parts.worker.index(), RouteLabels(config), names));
    parts.worker.Post([&parts, context = std::move(context)]() mutable {
      parts.frontend.SetContext(std::move(context));
    });
  }
  // Behind what these doors have let in.
  workers.front().worker.Post([this, gone = doors.Adopt(*plan)] {
    for (const uint64_t door : gone) {
      OnEachWorker([door](WorkerParts& parts) { parts.frontend.DrainDoor(door); });
    }
  });
  options.log->SetUp(config.log);
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
    if (parts.frontend.load() < least->frontend.load()) least = &parts;
  }
  least->frontend.load().fetch_add(1, std::memory_order_relaxed);
  least->worker.Post([&frontend = least->frontend, accepted, entrance = std::move(entrance),
                      pass = *std::move(pass)]() mutable {
    frontend.Serve(accepted, std::move(entrance), std::move(pass));
  });
}

void App::Parts::SetAdmission() {
  const uint64_t limit = host::DescriptorLimit();
  const uint64_t for_clients =
      DescriptorsForClients(limit, workers.size(), config.upstreams.size());
  admission.SetLimits(config.limits, for_clients);
  WarnOfDescriptors(config.limits.max_connections, for_clients, limit);
}

void App::Parts::FillRegistry() {
  registry.Add([this](metrics::Visitor& visitor) {
    ledger.Show(visitor);
    shared.store.Show(visitor);
    upstreams.Show(visitor);
    admission.Show(visitor);
    int64_t buffered = shared.budget.bytes();
    for (const WorkerParts& parts : workers) buffered += parts.buffered.untold();
    visitor.Level("singleflight_buffered_bytes",
                  "Memory held for calls: by flights, requests being collected, and relays.", {},
                  buffered);
    visitor.Level("singleflight_max_buffered_bytes",
                  "Where it ends: limits.max_buffered_bytes, or what stands for it.", {},
                  shared.budget.max());
    reloader.Show(visitor);
    if (health != nullptr) health->Show(visitor);
    options.log->Show(visitor);
    ShowCertificates(visitor);
    visitor.Level("singleflight_waiters", "Callers aboard flights now.", {},
                  static_cast<int64_t>(shared.flights.waiting()));
    visitor.Level("singleflight_draining", "1 from SIGTERM on.", {}, draining ? 1 : 0);
  });
}

void App::Parts::ShowCertificates(metrics::Visitor& visitor) const {
  std::map<std::string, int64_t> ends;  // several may use one file
  const auto note = [&](const tls::SharedContext& tls) {
    if (tls == nullptr) return;
    for (const tls::Context::Expiry& expiry : tls->expiries()) {
      const auto [known, is_new] = ends.emplace(expiry.file, expiry.at);
      if (!is_new) known->second = std::min(known->second, expiry.at);
    }
  };
  for (const Doors::Plan::Item& item : doors.in_force().items) note(item.entrance->tls);
  for (const auto& upstream : upstreams.in_force()) note(upstream->tls);
  for (const auto& [file, at] : ends) {
    visitor.Level("singleflight_certificate_expires_at_seconds",
                  "When the first of the certificates in use from that file ends, in Unix time.",
                  {{"file", file}}, at);
  }
}

absl::Status App::Parts::OpenHealth() {
  if (config.health.address.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<admin::HealthServer>> opened =
      admin::HealthServer::Open(control, config.health,
                                {[this] { return !draining; }, [this] { return registry.Render(); },
                                 [this] { return StatusPage(); }});
  if (!opened.ok()) return opened.status();
  health = *std::move(opened);
  return absl::OkStatus();
}

std::string App::Parts::StatusPage() const {
  const std::string state = draining ? DrainStatus()
                                     : absl::StrCat("serving\nlistening on ",
                                                    absl::StrJoin(doors.addresses(), ", "), "\n");
  return absl::StrCat(state, reloader.Status());
}

std::string App::Parts::DrainStatus() const {
  const absl::Time end = drain_began + config.drain_timeout;
  return absl::StrCat("draining since ", Utc(drain_began), ": no new connections\n",
                      OpenConnections(), " client connections are left, which have until ",
                      Utc(end), "\n");
}

void App::Parts::AwaitSignal() {
  signals.async_wait([this](const boost::system::error_code& error, int signal) {
    if (!error) OnSignal(signal);
  });
}

void App::Parts::OnSignal(int signal) {
  if (signal == SIGHUP) {
    if (!draining) reloader.Reload("SIGHUP");
  } else if (draining) {
    spdlog::warn("second signal: ending at once");
    options.log->Drain(kLastWordTime);
    ::_exit(128 + signal);
  } else {
    BeginDrain();
  }
  AwaitSignal();
}

void App::Parts::BeginDrain() {
  spdlog::info("draining: no new connections; running calls have {}",
               absl::FormatDuration(config.drain_timeout));
  draining = true;
  drain_began = options.wall_clock();
  reloader.Stop();
  doors.Close();
  // Behind what the doors have let in.
  RunOn(workers.front().worker,
        [this] { OnEachWorker([](WorkerParts& parts) { parts.frontend.Drain(); }); });
  drain_deadline.expires_after(absl::ToChronoNanoseconds(config.drain_timeout));
  drain_deadline.async_wait([this](const boost::system::error_code& error) {
    if (!error) CutOff();
  });
  AwaitDrained();
}

int64_t App::Parts::OpenConnections() const {
  int64_t open = 0;
  for (const WorkerParts& parts : workers) open += parts.frontend.load();
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
  OnEachWorker([](WorkerParts& parts) { parts.frontend.CloseAll(); });
  drain_deadline.expires_after(kCutOffTime);
  drain_deadline.async_wait([this](const boost::system::error_code&) { control.stop(); });
}

// Clients first, those too whom the doors have just let in to the first worker; then the pools, so
// that flights which nobody waits for end as well; then the loops, before which everything that
// lives on them has to go.
void App::Parts::Stop() {
  if (std::exchange(stopped, true)) return;
  doors.Close();
  for (WorkerParts& parts : workers) {
    RunOn(parts.worker, [&parts] { parts.frontend.CloseAll(); });
  }
  upstreams.Shutdown();
  for (auto left = kCutOffTime / kDrainPoll; left > 0 && upstreams.flights_in_the_air() > 0;
       --left) {
    std::this_thread::sleep_for(kDrainPoll);
  }
  OnEachWorker([](WorkerParts& parts) { parts.frontend.SetContext(nullptr); });
  // Landings that are on their way from one loop to another arrive, and what they let go of goes,
  // on loops that still run: in a snapshot are pools of one worker, and its last call may be
  // another's.
  for (auto left = kCutOffTime / kDrainPoll; left > 0 && upstreams.alive(); --left) {
    for (WorkerParts& parts : workers) RunOn(parts.worker, [] {});
    if (upstreams.alive()) std::this_thread::sleep_for(kDrainPoll);
  }
  for (WorkerParts& parts : workers) RunOn(parts.worker, [] {});
  for (WorkerParts& parts : workers) parts.worker.Stop();
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

App::~App() = default;

absl::StatusOr<std::unique_ptr<App>> App::Build(const config::Loaded& loaded, Options options) {
  auto parts = std::make_unique<Parts>(loaded, std::move(options));
  if (absl::Status status = parts->Build(); !status.ok()) return status;
  return std::unique_ptr<App>(new App(std::move(parts)));
}

std::string App::Announcement() const {
  std::string text = absl::StrCat("listening on ", absl::StrJoin(parts_->doors.addresses(), ", "));
  if (parts_->health != nullptr) absl::StrAppend(&text, "; health on ", parts_->health->address());
  return text;
}

int App::Run() {
  parts_->AwaitSignal();
  parts_->reloader.Begin(parts_->first);
  parts_->control.run();
  parts_->Stop();
  return parts_->exit_status;
}

}  // namespace singleflight::app
