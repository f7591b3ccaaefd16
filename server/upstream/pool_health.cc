// Which endpoints a pool asks whether they serve, and on which connection. Of all workers one asks
// (EndpointSeat::checks_health), and what it finds holds for all of them.
//
// Such an endpoint has a connection even while no call comes. When the watch's connection ends, or
// takes no more calls, another one is used, or made. What was found last holds meanwhile. Only to
// be asked, an endpoint is not connected to twice within `interval`: it may answer and hang up. The
// breaker refuses no such connection, since nobody would wait for its turn.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "server/upstream/pool.h"

namespace singleflight::upstream {

void Pool::WatchHealth() {
  watch_wanted_ = false;
  if (!options_.health_check.has_value() || retired_ || shut_down_) return;
  for (const std::unique_ptr<Backend>& backend : backends_.all()) {
    if (!backend->in_service() || !backend->seat.checks_health) {
      StopWatch(*backend);
    } else if (backend->watch == nullptr) {
      BeginWatch(*backend);
    }
  }
}

void Pool::BeginWatch(Backend& backend) {
  Link* const link = backend.RoomFor();
  if (link == nullptr) {
    watch_wanted_ = true;
    if (backend.IsAlive() || Now() < backend.not_before) return;
    if (Now() < backend.watch_not_before) return AwaitPauses();
    breaker_.TakeAnyway(BreakerBound::kConnections);
    return Connect(backend);
  }
  const bool fixed = options_.authority_rule == AuthorityRule::kFixed;
  backend.watch = std::make_shared<HealthWatch>(
      worker_, *options_.health_check,
      HealthWatch::Target{fixed ? options_.authority : target_authority_, std::string(scheme())},
      *link,
      [this, endpoint = backend.endpoint](bool serves, const std::string& why) {
        if (hooks_.on_health) hooks_.on_health(endpoint, serves, why);
      },
      [this, &backend] {
        if (std::exchange(backend.told_unknown, true)) return;
        spdlog::warn("upstream '{}': {} does not know grpc.health.v1, and counts as healthy",
                     options_.name, backend.name);
      });
  backend.watch_not_before = base::After(Now(), options_.health_check->interval);
  backend.watch->Start();
}

base::Instant Pool::NextWatch() const {
  base::Instant next = base::Instant::max();
  if (!options_.health_check.has_value() || retired_) return next;
  for (const std::unique_ptr<Backend>& backend : backends_.all()) {
    const bool wanted =
        backend->in_service() && backend->seat.checks_health && backend->watch == nullptr;
    if (wanted && backend->watch_not_before > Now())
      next = std::min(next, backend->watch_not_before);
  }
  return next;
}

void Pool::StopWatch(Backend& backend) {
  if (const auto watch = std::exchange(backend.watch, nullptr)) watch->Stop();
}

void Pool::StopWatches() {
  for (const std::unique_ptr<Backend>& backend : backends_.all()) StopWatch(*backend);
}

// `link` has room, takes no more calls, or has closed.
void Pool::MoveWatch(const Link& link) {
  if (!link.alive()) {
    for (const std::unique_ptr<Backend>& backend : backends_.all()) {
      if (backend->watch != nullptr && backend->watch->on(link)) StopWatch(*backend);
    }
  } else if (!watch_wanted_) {
    return;
  }
  WatchHealth();
}

}  // namespace singleflight::upstream
