#include "server/upstream/pool.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace singleflight::upstream {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr int kMostSlowness = 64;  // 5 s become more than the five minutes that servers want
constexpr char kShuttingDown[] = "the proxy is shutting down";

// What a caller holds of a call; letting go of it cancels.
class Handle final : public core::UpstreamCall {
 public:
  explicit Handle(std::shared_ptr<PooledCall> call) : call_(std::move(call)) {}
  ~Handle() override { call_->Cancel(metrics::Unanswered::kCancelled); }

  void Cancel(metrics::Unanswered why) override { call_->Cancel(why); }
  void Send(base::Slice bytes) override { call_->Send(std::move(bytes)); }
  void Finish(model::SharedHeaders trailing) override { call_->Finish(std::move(trailing)); }
  void Disown() override { call_->Disown(); }
  void Consume(size_t bytes) override { call_->Consume(bytes); }
  void SetEvents(core::UpstreamEvents& events) override { call_->SetEvents(events); }

 private:
  const std::shared_ptr<PooledCall> call_;
};

http2::SessionOptions Bounded(http2::SessionOptions session, const UpstreamOptions& options) {
  session.max_header_list_bytes = options.max_reply_header_bytes;
  return session;
}

}  // namespace

Pool::Pool(net::Worker& worker, const UpstreamOptions& options, std::string target_authority,
           net::SharedTlsContext tls, const http2::SessionOptions& session_options,
           std::shared_ptr<metrics::UpstreamMetrics> metrics, uint64_t seed, Hooks hooks)
    : worker_(worker),
      options_(options),
      target_authority_(std::move(target_authority)),
      tls_(std::move(tls)),
      session_options_(Bounded(session_options, options)),
      metrics_(std::move(metrics)),
      random_(static_cast<std::minstd_rand::result_type>(seed)),
      hooks_(std::move(hooks)),
      pause_over_(worker.timers(), [this] {
        if (!queue_.empty()) ConnectWhereUseful();
        AwaitPauses();
      }) {}

Pool::~Pool() { Shutdown(); }

absl::string_view Pool::AuthorityFor(const model::Request& request) const {
  switch (options_.authority_rule) {
    case AuthorityRule::kPreserve:
      if (request.authority().empty()) break;  // nothing to preserve
      return request.authority();
    case AuthorityRule::kFixed:
      return options_.authority;
    case AuthorityRule::kTarget:
      break;
  }
  return target_authority_;
}

std::unique_ptr<core::UpstreamCall> Pool::Start(core::UpstreamHead head,
                                                core::UpstreamEvents& events) {
  metrics_->begun.Add();
  auto call = std::make_shared<PooledCall>(*this, std::move(head), events);
  Dispatch(call);
  return std::make_unique<Handle>(std::move(call));
}

// Sends the call, or has it wait, or sees to it that it fails in the next turn.
void Pool::Dispatch(std::shared_ptr<PooledCall> call) {
  if (shut_down_) {
    return FailSoon(std::move(call), metrics::Unanswered::kUnreachable, kShuttingDown);
  }
  ConnectWhereUseful();
  const bool at_once = queue_.empty() && MayOpen(call->client());
  if (Link* link = at_once ? PickLink() : nullptr) return call->OpenOn(*link);
  if (!AnyHope()) {
    return FailSoon(std::move(call), metrics::Unanswered::kUnreachable, WhyUnreachable());
  }
  if (queue_.size() >= options_.max_pending_calls) {
    return FailSoon(
        std::move(call), metrics::Unanswered::kNoRoom,
        absl::StrCat("max_pending_calls (", options_.max_pending_calls, ") calls are waiting"));
  }
  if (PastShareOfQueue(call->client())) {
    return FailSoon(
        std::move(call), metrics::Unanswered::kClientShare,
        absl::StrCat("more than half of max_pending_calls (", options_.max_pending_calls,
                     ") are this client's; what is left is for others"));
  }
  Enqueue(std::move(call));
  // Those before it may be waiting for their clients' shares, not for a stream.
  if (queue_.size() > 1) ServeQueue();
}

void Pool::Enqueue(std::shared_ptr<PooledCall> call) {
  PooledCall& queued = *call;
  queued.queued_ = true;
  queued.place_ = queue_.Push(std::move(call));
  metrics_->pending.Add(1);
}

bool Pool::PastShareOfQueue(const core::Client* client) const {
  return client != nullptr &&
         core::PastShare(static_cast<int64_t>(queue_.of(client) + 1),
                         static_cast<int64_t>(queue_.size() + 1), options_.max_pending_calls);
}

void Pool::StreamOpened(const PooledCall& call, Link& link) {
  metrics_->active.Add(1);
  link.shares().Opened(call.client());
}

void Pool::StreamEnded(const PooledCall& call, Link& link) {
  metrics_->active.Add(-1);
  link.shares().Ended(call.client());
}

// Of the streams on the connections that take calls, and on those that may still be made to the
// same endpoints.
bool Pool::MayOpen(const core::Client* client) const {
  if (client == nullptr) return true;
  size_t its = 0;
  size_t all = 0;
  size_t there = 0;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (!backend->in_force) continue;
    size_t most = 0;
    for (const std::shared_ptr<Link>& link : backend->links) {
      if (!link->alive()) continue;
      most = std::max(most, link->max_streams());
      its += link->shares().of(client);
      all += link->shares().all();
    }
    there += most * options_.max_connections_per_endpoint;
  }
  return its == 0 || !core::PastShare(static_cast<int64_t>(its + 1), static_cast<int64_t>(all + 1),
                                      static_cast<int64_t>(there));
}

void Pool::Dequeue(PooledCall& call) {
  if (!std::exchange(call.queued_, false)) return;
  metrics_->pending.Add(-1);
  queue_.Erase(call.place_);
}

void Pool::FailSoon(std::shared_ptr<PooledCall> call, metrics::Unanswered reason,
                    absl::string_view why) {
  spdlog::debug("upstream '{}': a call fails: {}", name(),
                fmt::string_view(why.data(), why.size()));
  const bool callers_own =
      reason == metrics::Unanswered::kBound || reason == metrics::Unanswered::kClientShare;
  using Kind = core::UpstreamFailure::Kind;
  core::UpstreamFailure failure{callers_own ? Kind::kCallersOwn : Kind::kUnreachable, 0,
                                callers_own || reason == metrics::Unanswered::kNoRoom
                                    ? wire::StatusCode::kResourceExhausted
                                    : wire::StatusCode::kUnavailable,
                                absl::StrCat("upstream '", name(), "': ", why)};
  worker_.Post([call = std::move(call), failure = std::move(failure), reason]() mutable {
    call->Fail(std::move(failure), reason);
  });
}

Link* Pool::RoomOn(const Backend& backend) {
  const auto rank = [](const Link& link) { return std::pair(link.in_doubt(), link.streams()); };
  Link* best = nullptr;
  for (const std::shared_ptr<Link>& link : backend.links) {
    if (link->CanOpen() && (best == nullptr || rank(*link) < rank(*best))) best = link.get();
  }
  return best;
}

Link* Pool::PickLink() {
  Link* doubtful = nullptr;
  for (size_t i = 0; i < backends_.size(); ++i) {
    const Backend& backend = *backends_[next_++ % backends_.size()];
    if (!backend.in_force) continue;
    Link* const link = RoomOn(backend);
    if (link == nullptr) continue;
    if (!link->in_doubt()) return link;
    if (doubtful == nullptr) doubtful = link;
  }
  return doubtful;
}

Pool::Backend* Pool::BackendOf(const Link& link) {
  for (const std::unique_ptr<Backend>& backend : backends_) {
    for (const std::shared_ptr<Link>& candidate : backend->links) {
      if (candidate.get() == &link) return backend.get();
    }
  }
  return nullptr;
}

// One connection to each endpoint, and one more at a time where those that live are full.
bool Pool::WantsLink(const Backend& backend) const {
  if (!backend.in_force || Now() < backend.not_before) return false;
  size_t alive = 0;
  for (const std::shared_ptr<Link>& link : backend.links) {
    if (!link->alive()) continue;
    if (!link->ready() || link->CanOpen()) return false;
    ++alive;
  }
  return alive < options_.max_connections_per_endpoint;
}

void Pool::ConnectWhereUseful() {
  if (shut_down_) return;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (!WantsLink(*backend)) continue;
    auto link = std::make_shared<Link>(
        worker_, backend->endpoint, session_options_, options_.connect_timeout,
        PulseOptions{options_.ping_after, options_.ping_timeout, backend->slowness},
        Security{tls_, backend->resumption}, *this);
    backend->links.push_back(link);
    link->Connect();
  }
}

// Whether a call that waits has something to wait for.
bool Pool::AnyHope() const {
  if (!resolved_) return true;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (!backend->in_force) continue;
    for (const std::shared_ptr<Link>& link : backend->links) {
      if (link->alive()) return true;
    }
  }
  return false;
}

std::string Pool::WhyUnreachable() const {
  if (backends_.empty()) {
    return resolve_error_.empty() ? "it has no endpoints" : resolve_error_;
  }
  std::vector<std::string> reasons;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (!backend->in_force || reasons.size() == 3) continue;
    reasons.push_back(absl::StrCat("cannot connect to ", backend->name, ": ", backend->last_error));
  }
  return absl::StrJoin(reasons, "; ");
}

void Pool::OnLinkSecured(Link&, bool resumed) {
  (resumed ? metrics_->tls_handshakes_resumed : metrics_->tls_handshakes_full).Add();
}

void Pool::OnLinkReady(Link& link) {
  metrics_->connects.Add();
  metrics_->connections.Add(1);
  if (Backend* const backend = BackendOf(link)) {
    if (backend->failures > 0 || backend->silent) {
      spdlog::info("upstream '{}': connected to {} again", name(), backend->name);
    }
    backend->failures = 0;
    backend->silent = false;
  }
  ServeQueue();
  RetireIfIdle(link);
}

void Pool::OnLinkRoom(Link& link) {
  if (!queue_.empty()) ServeQueue();
  RetireIfIdle(link);
}

void Pool::OnLinkPinged(Link&) { metrics_->pings.Add(); }

void Pool::OnLinkPingedTooOften(Link& link) {
  Backend* const backend = BackendOf(link);
  if (backend == nullptr || backend->slowness >= kMostSlowness) return;
  backend->slowness *= 2;
  spdlog::info("upstream '{}': {} says too_many_pings; PINGs wait for {} from now on", name(),
               backend->name, absl::FormatDuration(options_.ping_after * backend->slowness));
}

// Connections without a call would find out about the same peer only at the cost of one.
void Pool::OnLinkSilent(Link& link) {
  metrics_->connections_silent.Add();
  Backend* const backend = BackendOf(link);
  if (backend == nullptr) return;
  if (!std::exchange(backend->silent, true)) {
    spdlog::warn(
        "upstream '{}': {} does not answer: nothing came for {}, nor within {} after a PING; its "
        "{} "
        "calls end, and it gets no more until it is connected to again",
        name(), backend->name, absl::FormatDuration(options_.ping_after * backend->slowness),
        absl::FormatDuration(options_.ping_timeout), link.streams());
  }
  for (const std::shared_ptr<Link>& other : std::vector(backend->links)) {
    if (other.get() != &link && other->ready() && other->streams() == 0) other->Retire();
  }
  hooks_.on_connect_failed();
}

void Pool::ServeQueue() {
  while (!queue_.empty()) {
    Link* link = PickLink();
    if (link == nullptr) return ConnectWhereUseful();
    const std::shared_ptr<PooledCall> call =
        queue_.Next([this](const core::Client* client) { return MayOpen(client); });
    if (call == nullptr) return;
    Dequeue(*call);
    call->OpenOn(*link);
  }
}

void Pool::OnLinkClosed(Link& link, bool was_ready, absl::string_view why) {
  if (was_ready) metrics_->connections.Add(-1);
  for (const std::unique_ptr<Backend>& backend : backends_) {
    auto& links = backend->links;
    const auto found = std::find_if(links.begin(), links.end(), [&](const auto& candidate) {
      return candidate.get() == &link;
    });
    if (found == links.end()) continue;
    links.erase(found);
    backend->last_error = std::string(why);
    if (shut_down_ || !backend->in_force) break;
    if (link.proved()) backend->useless = 0;
    if (was_ready) {
      if (!link.proved()) OnUselessLink(*backend);
      break;
    }
    metrics_->connect_failures.Add();
    if (backend->failures == 0) {
      spdlog::warn("upstream '{}': cannot connect to {}: {}", name(), backend->name,
                   backend->last_error);
    }
    PauseAfter(*backend, backend->failures++);
    break;
  }
  DropIdleBackends();
  if (queue_.empty()) return;
  ConnectWhereUseful();
  ServeQueue();  // its streams are gone from the shares of those who had them
  if (!AnyHope()) FailQueue(WhyUnreachable());
}

// One such may be the last of a backend that was just going, and a call that it took with it may be
// sent again at once.
void Pool::OnUselessLink(Backend& backend) {
  if (++backend.useless == 1) return;
  if (backend.useless == 2) {
    spdlog::warn("upstream '{}': {} ends connections as soon as they are made: {}", name(),
                 backend.name, backend.last_error);
  }
  PauseAfter(backend, backend.useless - 2);
}

void Pool::PauseAfter(Backend& backend, int failures) {
  backend.not_before = base::After(Now(), Pause(failures));
  AwaitPauses();
  hooks_.on_connect_failed();
}

void Pool::FailQueue(const std::string& why) {
  while (!queue_.empty()) {
    const std::shared_ptr<PooledCall> call = queue_.Next([](const core::Client*) { return true; });
    Dequeue(*call);
    FailSoon(call, metrics::Unanswered::kUnreachable, why);
  }
}

// Calls that wait for a full connection may get another one when a pause ends.
void Pool::AwaitPauses() {
  base::Instant next = base::Instant::max();
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (backend->in_force && backend->not_before > Now())
      next = std::min(next, backend->not_before);
  }
  if (next != base::Instant::max()) pause_over_.Set(next);
}

absl::Duration Pool::Pause(int failures) {
  absl::Duration pause = kFirstPause;
  for (int i = 0; i < failures && pause < options_.max_reconnect_backoff; ++i) pause *= 2;
  std::uniform_real_distribution<double> jitter(0.8, 1.2);
  return std::min(pause, options_.max_reconnect_backoff) * jitter(random_);
}

void Pool::SetEndpoints(SharedEndpointList list) {
  resolved_ = true;
  resolve_error_ = list->error;
  for (const std::unique_ptr<Backend>& backend : backends_) backend->in_force = false;
  for (const net::Endpoint& endpoint : list->endpoints) {
    const auto known = std::find_if(backends_.begin(), backends_.end(), [&](const auto& backend) {
      return backend->endpoint == endpoint;
    });
    if (known != backends_.end()) {
      (*known)->in_force = true;
      continue;
    }
    auto backend = std::make_unique<Backend>();
    backend->endpoint = endpoint;
    backend->name = net::ToString(endpoint);
    if (tls_ != nullptr) backend->resumption = std::make_shared<net::TlsResumption>();
    backends_.push_back(std::move(backend));
  }
  RetireWhatIsNotInForce();
  DropIdleBackends();
  if (queue_.empty()) return;
  ConnectWhereUseful();
  ServeQueue();
  if (!AnyHope()) FailQueue(WhyUnreachable());
}

void Pool::RetireWhatIsNotInForce() {
  std::vector<std::shared_ptr<Link>> links;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    if (!backend->in_force) {
      links.insert(links.end(), backend->links.begin(), backend->links.end());
    }
  }
  for (const std::shared_ptr<Link>& link : links) link->Retire();
}

void Pool::DropIdleBackends() {
  backends_.erase(std::remove_if(backends_.begin(), backends_.end(),
                                 [](const auto& backend) {
                                   return !backend->in_force && backend->links.empty();
                                 }),
                  backends_.end());
}

void Pool::Retire() {
  retired_ = true;
  for (const std::shared_ptr<Link>& link : Links()) RetireIfIdle(*link);
}

// One that is being made is asked again when it is ready.
void Pool::RetireIfIdle(Link& link) const {
  if (retired_ && link.ready() && link.alive() && link.streams() == 0) link.Retire();
}

void Pool::Shutdown() {
  shut_down_ = true;
  pause_over_.Cancel();
  FailQueue(kShuttingDown);
  for (const std::shared_ptr<Link>& link : Links()) link->Close(kShuttingDown);
}

// A copy: links that close leave the lists.
std::vector<std::shared_ptr<Link>> Pool::Links() const {
  std::vector<std::shared_ptr<Link>> links;
  for (const std::unique_ptr<Backend>& backend : backends_) {
    links.insert(links.end(), backend->links.begin(), backend->links.end());
  }
  return links;
}

}  // namespace singleflight::upstream
