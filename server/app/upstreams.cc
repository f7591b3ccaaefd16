// What a reload keeps of upstreams, what it begins, and what it lets end; their metrics.

#include "server/app/upstreams.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/app/on_worker.h"
#include "server/net/worker_clock.h"

namespace singleflight::app {
namespace {

// A backend whose socket takes nothing for so long is given up. Over TCP the system sees to that
// too; over a Unix socket nobody else does.
http2::SessionOptions SessionOptions() {
  http2::SessionOptions options;
  options.stall_timeout = absl::Seconds(20);
  return options;
}

std::string IdentityOf(const upstream::UpstreamOptions& options, const tls::SharedContext& tls) {
  return absl::StrCat(options.name, "\n", options.target, "\n",
                      absl::StrJoin(options.endpoints, "\n"), "\n",
                      tls == nullptr ? "plaintext" : tls->trust());
}

// How messages about its `tls:` begin.
std::string TlsPlace(const upstream::UpstreamOptions& options) {
  return absl::StrCat("upstream '", options.name, "': tls.");
}

absl::StatusOr<tls::SharedContext> TlsOf(const upstream::UpstreamOptions& options,
                                         const upstream::Target& target) {
  if (!options.tls.has_value()) return tls::SharedContext();
  return tls::OrStatus(tls::Context::ForUpstream(*options.tls, tls::HostOf(target.authority)),
                       TlsPlace(options));
}

bool Same(const tls::SharedContext& a, const tls::SharedContext& b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->digest() == b->digest();
}

bool Contains(const Upstreams::List& list, const Upstreams::List::value_type& running) {
  return std::find(list.begin(), list.end(), running) != list.end();
}

template <typename T>
void ForgetGone(std::vector<std::weak_ptr<T>>& list) {
  list.erase(
      std::remove_if(list.begin(), list.end(), [](const auto& item) { return item.expired(); }),
      list.end());
}

template <typename T>
bool AnyAlive(const std::vector<std::vector<std::weak_ptr<T>>>& lists) {
  return std::any_of(lists.begin(), lists.end(), [](const auto& list) {
    return std::any_of(list.begin(), list.end(), [](const auto& item) { return !item.expired(); });
  });
}

}  // namespace

Upstreams::Upstreams(boost::asio::io_context& control, std::vector<net::Worker*> workers,
                     metrics::Ledger<upstream::UpstreamMetrics>& ledger,
                     memory::BufferBudget& budget, uint64_t seed, IsOwn is_own,
                     std::function<absl::Time()> wall_clock, Events& events,
                     upstream::LookUps::System look_up)
    : control_(control),
      workers_(std::move(workers)),
      ledger_(ledger),
      budget_(budget),
      seed_(seed),
      is_own_(std::move(is_own)),
      wall_clock_(std::move(wall_clock)),
      events_(events),
      look_ups_(std::make_shared<upstream::LookUps>(control, std::move(look_up))),
      returns_(control),
      pools_(workers_.size()),
      stubs_(workers_.size()),
      look_(control) {}

Upstreams::~Upstreams() { look_ups_->Close(); }

void Upstreams::Running::Describe(admin::v1::Upstream& upstream) const {
  is_grpc() ? channel->Describe(upstream) : endpoints->Describe(upstream);
}

absl::StatusOr<Upstreams::List> Upstreams::Prepare(
    const std::vector<upstream::UpstreamOptions>& options) {
  List list;
  for (const upstream::UpstreamOptions& wanted : options) {
    absl::StatusOr<std::shared_ptr<const Running>> running = KeepOrMake(wanted);
    if (!running.ok()) return running.status();
    list.push_back(*std::move(running));
  }
  return list;
}

absl::StatusOr<std::shared_ptr<const Upstreams::Running>> Upstreams::KeepOrMake(
    const upstream::UpstreamOptions& options) {
  absl::StatusOr<upstream::Target> target = upstream::ParseTarget(options);
  if (!target.ok()) return target.status();
  absl::StatusOr<tls::SharedContext> tls = TlsOf(options, *target);
  if (!tls.ok()) return tls.status();
  for (const auto& running : in_force_) {
    if (running->options == options && Same(running->tls, *tls)) return running;
    if (running->options.name != options.name) continue;
    const absl::Status status = tls::RefuseEnded(running->tls.get(), tls->get(), TlsPlace(options));
    if (!status.ok()) return status;
  }
  auto running = std::make_shared<Running>();
  running->options = options;
  running->tls = *std::move(tls);
  running->identity = IdentityOf(options, running->tls);
  running->shared = SharedOf(options);
  if (running->is_grpc()) return MakeGrpc(std::move(running), target->authority);
  return MakeNative(std::move(running), *std::move(target));
}

std::shared_ptr<const Upstreams::Running> Upstreams::MakeNative(std::shared_ptr<Running> running,
                                                                upstream::Target target) {
  const upstream::UpstreamOptions& options = running->options;
  running->limits = limits_.Of(options);
  running->endpoints =
      std::make_shared<Endpoints>(options.name, workers_.size(), wall_clock_, events_,
                                  options.ejection, options.health_check.has_value());
  const std::string authority = target.authority;
  std::vector<std::weak_ptr<upstream::Pool>> pools(workers_.size());
  const auto weak_resolver = std::make_shared<std::weak_ptr<upstream::Resolver>>();
  for (size_t i = 0; i < workers_.size(); ++i) {
    net::Worker& worker = *workers_[i];
    running->pools.push_back(OwnedOn(
        worker,
        std::make_unique<upstream::Pool>(
            worker, options, authority, running->tls, SessionOptions(), ledger_.Of(i, options.name),
            seed_ + i, HooksOf(i, running->endpoints, weak_resolver), running->limits)));
    pools[i] = running->pools.back();
  }
  auto resolver = std::make_unique<upstream::Resolver>(
      upstream::Resolver::LoopContext{control_, look_ups_, is_own_, CountsOf(options.name)},
      options.name, std::move(target), upstream::Resolver::Pace{options.dns_refresh},
      [workers = workers_, pools,
       endpoints = running->endpoints](const upstream::SharedEndpointList& list) {
        endpoints->Set(*list);
        for (size_t i = 0; i < workers.size(); ++i) {
          workers[i]->Post([weak = pools[i], list, seats = endpoints->SeatsOf(i, *list)] {
            if (const auto pool = weak.lock()) pool->SetEndpoints(list, seats);
          });
        }
      });
  // The last call that knows it may end on any worker; its look-ups are answered on this thread.
  running->resolver = std::shared_ptr<upstream::Resolver>(
      resolver.release(), [&control = control_](upstream::Resolver* last) {
        boost::asio::post(control, [gone = std::unique_ptr<upstream::Resolver>(last)] {});
      });
  *weak_resolver = running->resolver;
  return running;
}

std::shared_ptr<core::UpstreamBounds> Upstreams::SharedOf(
    const upstream::UpstreamOptions& options) {
  std::weak_ptr<core::UpstreamBounds>& known = shared_[options.name];
  std::shared_ptr<core::UpstreamBounds> shared = known.lock();
  if (shared == nullptr) {
    shared = std::make_shared<core::UpstreamBounds>(options.name, options.max_flights,
                                                    static_cast<int64_t>(options.max_held_bytes),
                                                    options.release_concurrency);
    shared->budget = &budget_;
    known = shared;
  }
  return shared;
}

// Like those of workers, they go on where a name stays.
std::shared_ptr<upstream::LookUpCounts> Upstreams::CountsOf(const std::string& name) {
  std::shared_ptr<upstream::LookUpCounts>& counts = look_up_counts_[name];
  if (counts == nullptr) counts = std::make_shared<upstream::LookUpCounts>();
  return counts;
}

void Upstreams::Adopt(const List& list) {
  for (const auto& running : list) {
    if (!Contains(in_force_, running)) {
      Begin(*running);
    } else if (!running->is_grpc()) {
      running->resolver->Reconsider();
    }
  }
  for (const auto& running : in_force_) {
    if (!Contains(list, running)) Retire(*running);
  }
  in_force_ = list;
  AwaitReturns();
  for (auto& pools : pools_) ForgetGone(pools);
  limits_.ForgetGone();
  for (auto& stubs : stubs_) ForgetGone(stubs);
  LookAtChannels();
  for (auto at = shared_.begin(); at != shared_.end();) {
    at = at->second.expired() ? shared_.erase(at) : std::next(at);
  }
  for (auto at = look_up_counts_.begin(); at != look_up_counts_.end();) {
    at = at->second.use_count() == 1 ? look_up_counts_.erase(at) : std::next(at);
  }
}

void Upstreams::Begin(const Running& running) {
  running.shared->max_flights = running.options.max_flights;
  running.shared->max_held_bytes = static_cast<int64_t>(running.options.max_held_bytes);
  running.shared->release_gate->SetRoom(running.options.release_concurrency);
  running.is_grpc() ? BeginGrpc(running) : BeginNative(running);
}

void Upstreams::BeginNative(const Running& running) {
  PoolLimits::Apply(running.options, running.limits);
  for (size_t i = 0; i < workers_.size(); ++i) pools_[i].push_back(running.pools[i]);
  for (const auto& before : in_force_) {
    if (!before->is_grpc() && before->options.name == running.options.name) {
      running.endpoints->Inherit(*before->endpoints);
    }
  }
  running.resolver->Start(KnownEndpointsOf(running.options));
}

absl::StatusOr<int64_t> Upstreams::SetDrained(const std::string& upstream,
                                              const std::string& address, bool drained) {
  const auto found = std::find_if(in_force_.begin(), in_force_.end(), [&](const auto& running) {
    return running->options.name == upstream;
  });
  if (found == in_force_.end()) {
    return absl::NotFoundError(absl::StrCat("no upstream has the name '", upstream, "'"));
  }
  if ((*found)->is_grpc()) {
    return absl::FailedPreconditionError(
        absl::StrCat("upstream '", upstream,
                     "' has \"transport: grpc\": gRPC chooses its endpoints, and none can be taken "
                     "out here"));
  }
  const net::Endpoint* const endpoint = (*found)->endpoints->Find(address);
  if (endpoint == nullptr) {
    return absl::NotFoundError(absl::StrCat("upstream '", upstream, "' has no endpoint ", address));
  }
  // Counted before the workers hear of it, who close at once what has no calls.
  const int64_t connections = (*found)->endpoints->connections(*endpoint);
  (*found)->endpoints->SetDrained(*endpoint, drained);
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->Post([pool = (*found)->pools[i], endpoint = *endpoint, drained] {
      pool->SetDrained(endpoint, drained);
    });
  }
  return connections;
}

// So that a reload while names cannot be looked up is no outage, even if it brings only a new
// certificate.
upstream::Resolver::Known Upstreams::KnownEndpointsOf(
    const upstream::UpstreamOptions& options) const {
  for (const auto& before : in_force_) {
    const upstream::UpstreamOptions& others = before->options;
    if (!before->is_grpc() && others.name == options.name && others.target == options.target &&
        others.endpoints == options.endpoints) {
      return before->resolver->known();
    }
  }
  return {};
}

// One long call would otherwise keep the connections of all workers, and the look-ups.
// gRPC's connections go with their channel, when the last call has ended.
void Upstreams::Retire(const Running& running) {
  if (running.is_grpc()) return;
  running.resolver->Stop();
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->Post([pool = running.pools[i]] { pool->Retire(); });
  }
}

void Upstreams::Shutdown() {
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->Post([pools = pools_[i], stubs = stubs_[i]] {
      for (const auto& weak : pools) {
        if (const auto pool = weak.lock()) pool->Shutdown();
      }
      for (const auto& weak : stubs) {
        if (const auto stub = weak.lock()) stub->Shutdown();
      }
    });
  }
  in_force_.clear();
  returns_.cancel();
}

std::vector<std::shared_ptr<core::UpstreamBounds>> Upstreams::Alive() const {
  std::vector<std::shared_ptr<core::UpstreamBounds>> alive;
  for (const auto& [name, weak] : shared_) {
    if (auto shared = weak.lock()) alive.push_back(std::move(shared));
  }
  return alive;
}

int64_t Upstreams::flights_in_the_air() const {
  int64_t flights = 0;
  for (const auto& shared : Alive()) flights += shared->flights;
  return flights;
}

void Upstreams::ShowLookUps(metrics::Visitor& visitor) const {
  for (const auto& running : in_force_) {
    if (running->is_grpc()) continue;
    const std::string& name = running->options.name;
    const upstream::LookUpCounts& counts = *look_up_counts_.at(name);
    const auto result = [&](const char* what, uint64_t count) {
      visitor.Count("singleflight_upstream_look_ups_total",
                    "Look-ups of names, by what came: found, failed, or silent (nothing in time).",
                    {{"upstream", name}, {"result", what}}, count);
    };
    result("found", counts.found);
    result("failed", counts.failed);
    result("silent", counts.silent);
    visitor.Level("singleflight_upstream_own_endpoints",
                  "Endpoints that are left out, because this process itself listens there.",
                  {{"upstream", name}}, static_cast<int64_t>(running->resolver->own()));
  }
}

bool Upstreams::alive() const { return AnyAlive(pools_) || AnyAlive(stubs_); }

void Upstreams::ShowWaits(metrics::Visitor& visitor) const {
  const base::Instant now = net::ReadWorkerClock();
  ledger_.ForEach([&](const std::string& name, const auto& cells) {
    visitor.Level("singleflight_upstream_oldest_wait_seconds",
                  "How long the upstream call that has waited longest for its first byte has "
                  "waited, in whole seconds.",
                  {{"upstream", name}}, absl::ToInt64Seconds(upstream::LongestWait(cells, now)));
  });
}

void Upstreams::Show(metrics::Visitor& visitor) const {
  ShowLookUps(visitor);
  ShowWaits(visitor);
  for (const auto& running : in_force_) {
    running->is_grpc() ? running->channel->Show(visitor) : running->endpoints->Show(visitor);
    PoolLimits::Show(running->options.name, running->limits, visitor);
  }
  for (const auto& shared : Alive()) {
    const metrics::Labels labels = {{"upstream", shared->name}};
    visitor.Level("singleflight_flights", "Flights that are in the air or gather now.", labels,
                  shared->flights.load(std::memory_order_relaxed));
    visitor.Level("singleflight_held_bytes",
                  "Request and reply bytes held by flights, and by replies being written.", labels,
                  shared->held_bytes.load(std::memory_order_relaxed));
    visitor.Level("singleflight_release_queue",
                  "Callers released from a flight that wait to make their own call.", labels,
                  static_cast<int64_t>(shared->release_gate->queued()));
    visitor.Level("singleflight_release_active",
                  "Callers released from a flight that were let through to make their own call.",
                  labels, static_cast<int64_t>(shared->release_gate->inside()));
  }
}

}  // namespace singleflight::app
