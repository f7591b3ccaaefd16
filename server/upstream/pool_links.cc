// What becomes of a pool's connections: when they are made, and what follows when they end.
//
//   it was                                     the endpoint is connected to again
//   never ready                                after a pause
//   ready, and proved to work (Link::proved)   as soon as calls want it
//   ready, and useless, the first in a row     likewise
//   ready, and useless, again                  after a pause
//   silent: it answered no PING                as soon as calls want it; idle ones end with it
//
// A pause begins at 100 ms and doubles with each failure in a row, up to max_reconnect_backoff,
// with a fifth of jitter. The resolver is told of each pause, because names may mean other
// addresses by then.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/upstream/pool.h"

namespace singleflight::upstream {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kAskBreakerAgain = absl::Milliseconds(100);
constexpr int kMostSlowness = 64;  // 5 s become more than the five minutes that servers want

}  // namespace

// Without hope, calls would wait for connections of other workers to end.
bool Pool::MayConnect() {
  if (breaker_.Take(BreakerBound::kConnections, nullptr) == Taken::kYes) return true;
  wants_link_ = backends_.AnyHope();
  if (!wants_link_) breaker_.TakeAnyway(BreakerBound::kConnections);
  return !wants_link_;
}

void Pool::ConnectWhereUseful() {
  if (shut_down_) return;
  wants_link_ = false;
  backends_.ChooseFirst(Now());
  for (const std::unique_ptr<Backend>& backend : backends_.all()) {
    if (!backends_.WantsLink(*backend, Now())) continue;
    if (!MayConnect()) return AwaitPauses();
    Connect(*backend);
  }
}

void Pool::Connect(Backend& backend) {
  auto link = std::make_shared<Link>(
      worker_, backend.endpoint, session_options_, options_.connect_timeout,
      PulseOptions{options_.ping_after, options_.ping_timeout, backend.slowness},
      Security{tls_, backend.resumption}, backend.seat, *this);
  backend.links.push_back(link);
  link->Connect();
  TellState(backend);
}

void Pool::OnLinkSecured(Link&, bool resumed) {
  (resumed ? metrics_->tls_handshakes_resumed : metrics_->tls_handshakes_full).Add();
}

void Pool::OnLinkReady(Link& link) {
  metrics_->connects.Add();
  metrics_->connections.Add(1);
  link.cells().connections.Add(1);
  if (Backend* const backend = backends_.BackendOf(link)) {
    if (backend->failures > 0 || backend->silent) {
      spdlog::info("upstream '{}': connected to {} again", name(), backend->name);
    }
    backend->failures = 0;
    backend->silent = false;
    TellState(*backend);
  }
  if (watch_wanted_) WatchHealth();
  ServeQueue();
  RetireIfIdle(link);
}

void Pool::OnLinkRoom(Link& link) {
  if (options_.health_check.has_value()) MoveWatch(link);
  if (!queue_.empty()) ServeQueue();
  RetireIfIdle(link);
}

void Pool::OnLinkPinged(Link&) { metrics_->pings.Add(); }

void Pool::OnLinkPingedTooOften(Link& link) {
  Backend* const backend = backends_.BackendOf(link);
  if (backend == nullptr || backend->slowness >= kMostSlowness) return;
  backend->slowness *= 2;
  spdlog::info("upstream '{}': {} says too_many_pings; PINGs wait for {} from now on", name(),
               backend->name, absl::FormatDuration(options_.ping_after * backend->slowness));
}

// Connections to the same peer that have no call would notice only at the cost of a call, so they
// are given up too.
void Pool::OnLinkSilent(Link& link) {
  metrics_->connections_silent.Add();
  Backend* const backend = backends_.BackendOf(link);
  if (backend == nullptr) return;
  if (!std::exchange(backend->silent, true)) {
    spdlog::warn(
        "upstream '{}': {} does not answer: nothing came for {}, nor within {} after a PING; its "
        "{} calls end, and it gets no more until it is connected to again",
        name(), backend->name, absl::FormatDuration(options_.ping_after * backend->slowness),
        absl::FormatDuration(options_.ping_timeout), link.streams());
  }
  for (const std::shared_ptr<Link>& other : std::vector(backend->links)) {
    if (other.get() != &link && other->ready() && other->streams() == 0) other->Retire();
  }
  TellState(*backend, "it answered no PING");
  hooks_.on_connect_failed();
}

void Pool::OnLinkClosed(Link& link, bool was_ready, absl::string_view why) {
  breaker_.GiveBack(BreakerBound::kConnections, nullptr);
  if (was_ready) {
    metrics_->connections.Add(-1);
    link.cells().connections.Add(-1);
  }
  if (Backend* const backend = backends_.TakeOut(link)) {
    backend->last_error = std::string(why);
    if (backend->watch != nullptr && backend->watch->on(link)) StopWatch(*backend);
    if (!shut_down_ && backend->in_service()) JudgeClosed(*backend, link, was_ready);
    TellState(*backend);
  }
  backends_.DropIdle();
  WatchHealth();
  ServeOrFailQueue();  // the closed connection's streams are in nobody's share any more
}

void Pool::JudgeClosed(Backend& backend, const Link& link, bool was_ready) {
  if (link.proved()) backend.useless = 0;
  if (was_ready) {
    if (!link.proved()) OnUselessLink(backend);
    return;
  }
  metrics_->connect_failures.Add();
  if (backend.failures == 0) {
    spdlog::warn("upstream '{}': cannot connect to {}: {}", name(), backend.name,
                 backend.last_error);
  }
  PauseAfter(backend, backend.failures++);
}

// A single connection like this may be a backend's last before it stops, and a call that it took
// with it may be sent again immediately. So the second in a row is the first that counts.
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
  TellState(backend, backend.last_error);
  hooks_.on_connect_failed();
}

// Calls that wait for a full connection may get another one when a pause ends, or when some other
// worker's connection has ended.
void Pool::AwaitPauses() {
  base::Instant next = std::min(backends_.NextPauseEnd(Now()), NextWatch());
  if (wants_link_ && !queue_.empty()) next = std::min(next, base::After(Now(), kAskBreakerAgain));
  if (next != base::Instant::max()) pause_over_.Set(next);
}

absl::Duration Pool::Pause(int failures) {
  absl::Duration pause = kFirstPause;
  for (int i = 0; i < failures && pause < options_.max_reconnect_backoff; ++i) pause *= 2;
  std::uniform_real_distribution<double> jitter(0.8, 1.2);
  return std::min(pause, options_.max_reconnect_backoff) * jitter(random_);
}

EndpointState Pool::StateOf(const Backend& backend) const {
  const auto any = [&](bool ready) {
    return std::any_of(backend.links.begin(), backend.links.end(), [ready](const auto& link) {
      return link->alive() && link->ready() == ready;
    });
  };
  if (backend.silent) return EndpointState::kSilent;
  if (any(true)) return EndpointState::kReady;
  if (any(false)) return EndpointState::kConnecting;
  return backend.not_before > Now() ? EndpointState::kFailing : EndpointState::kIdle;
}

void Pool::TellState(Backend& backend, const std::string& failure) {
  const EndpointState state = StateOf(backend);
  if (state == std::exchange(backend.told, state) && failure.empty()) return;
  if (hooks_.on_state) hooks_.on_state(backend.endpoint, state, failure);
}

void Pool::TellStates() {
  for (const std::unique_ptr<Backend>& backend : backends_.all()) TellState(*backend);
}

// A connection that is being made comes here again when it is ready.
void Pool::RetireIfIdle(Link& link) const {
  if (retired_ && link.ready() && link.alive() && link.streams() == 0) link.Retire();
}

}  // namespace singleflight::upstream
