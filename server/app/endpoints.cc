// Which view of an endpoint counts, and what of it is an event.

#include "server/app/endpoints.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/app/proto_time.h"

namespace singleflight::app {
namespace {

namespace v1 = admin::v1;
using upstream::EndpointState;

// What people have to hear of.
bool IsBad(EndpointState state) {
  return state == EndpointState::kFailing || state == EndpointState::kSilent;
}

// Between failures an endpoint is idle and connecting, which is no news.
bool IsLasting(EndpointState state) {
  return state != EndpointState::kIdle && state != EndpointState::kConnecting;
}

}  // namespace

v1::Endpoint::State ToProto(EndpointState state) {
  switch (state) {
    case EndpointState::kIdle:
      return v1::Endpoint::STATE_IDLE;
    case EndpointState::kConnecting:
      return v1::Endpoint::STATE_CONNECTING;
    case EndpointState::kReady:
      return v1::Endpoint::STATE_READY;
    case EndpointState::kFailing:
      return v1::Endpoint::STATE_FAILING;
    case EndpointState::kSilent:
      return v1::Endpoint::STATE_SILENT;
  }
  return v1::Endpoint::STATE_UNSPECIFIED;
}

void DescribeCells(const CellsByWorker& cells_by_worker, v1::Endpoint& out) {
  int64_t latest_us = -1;
  for (const auto& cells : cells_by_worker) {
    out.set_calls(out.calls() + cells->calls.value());
    out.set_active(out.active() + cells->active.value());
    out.set_connections(out.connections() + cells->connections.value());
    const auto code = cells->latest_code.value();
    if (!code.has_value() || code->at_us <= latest_us) continue;
    latest_us = code->at_us;
    out.set_last_code(std::string(NameOf(code->code)));
  }
}

void ShowEndpoint(const metrics::Labels& labels, EndpointView view,
                  const CellsByWorker& cells_by_worker, metrics::Visitor& visitor) {
  visitor.Level("singleflight_upstream_endpoint_up",
                "0: the latest attempt to connect failed, or it answered no PING.", labels,
                view.up ? 1 : 0);
  visitor.Level("singleflight_upstream_endpoint_drained", "1: taken out by command.", labels,
                view.drained ? 1 : 0);
  for (const auto& cells : cells_by_worker) {
    visitor.Level("singleflight_upstream_endpoint_connections", "Connections that are ready.",
                  labels, cells->connections.value());
    visitor.Level("singleflight_upstream_endpoint_calls_active", "Calls in the air.", labels,
                  cells->active.value());
    visitor.Count("singleflight_upstream_endpoint_calls_total", "Calls that got a stream there.",
                  labels, cells->calls.value());
  }
}

Endpoints::Endpoints(std::string upstream, size_t workers, std::function<absl::Time()> wall_clock,
                     Events& events, const absl::optional<upstream::EjectionOptions>& ejection,
                     bool checks_health)
    : upstream_(std::move(upstream)),
      workers_(workers),
      wall_clock_(std::move(wall_clock)),
      events_(events),
      ejection_(ejection),
      checks_health_(checks_health) {}

// Not the latest view: that of pools which have no connection yet is that they are idle.
void Endpoints::Inherit(const Endpoints& before) {
  for (const auto& [endpoint, known] : before.known_) {
    Known& own = Of(endpoint);
    own.shared = known.shared;
    own.cells = known.cells;
    own.drained = known.drained;
    own.unhealthy = checks_health_ && known.unhealthy;
    own.shared->unhealthy.store(own.unhealthy, std::memory_order_relaxed);
    if (ejection_.has_value()) {
      own.ejections = known.ejections;
    } else {
      own.shared->ejected.store(false, std::memory_order_relaxed);
    }
    own.lasting = known.lasting;
    own.since = known.since;
    own.failure = known.failure;
    own.failed_at = known.failed_at;
  }
}

Endpoints::Known& Endpoints::Of(const net::Endpoint& endpoint) {
  Known& known = known_[endpoint];
  if (known.cells.empty()) known.since = wall_clock_();
  if (known.shared == nullptr) known.shared = std::make_shared<upstream::EndpointShared>();
  while (known.cells.size() < workers_) {
    known.cells.push_back(std::make_shared<upstream::EndpointCells>());
  }
  known.states.resize(workers_, EndpointState::kIdle);
  return known;
}

void Endpoints::Set(const upstream::EndpointList& list) {
  resolve_error_ = list.error;
  for (auto& [endpoint, known] : known_) known.in_force = false;
  for (const net::Endpoint& endpoint : list.endpoints) Of(endpoint).in_force = true;
  std::erase_if(known_, [this](const auto& item) {
    return !item.second.in_force && !item.second.drained && connections(item.first) == 0;
  });
}

std::vector<upstream::EndpointSeat> Endpoints::SeatsOf(size_t worker,
                                                       const upstream::EndpointList& list) {
  std::vector<upstream::EndpointSeat> seats;
  for (const net::Endpoint& endpoint : list.endpoints) {
    const Known& known = Of(endpoint);
    const size_t asking = std::hash<std::string>()(net::ToString(endpoint)) % workers_;
    seats.push_back(
        {known.cells[worker], known.shared, known.drained, checks_health_ && asking == worker});
  }
  return seats;
}

void Endpoints::Heard(size_t worker, const net::Endpoint& endpoint, EndpointState state,
                      const std::string& failure) {
  const auto found = known_.find(endpoint);
  if (found == known_.end()) return;
  Known& known = found->second;
  known.states[worker] = state;
  if (!failure.empty()) {
    known.failure = failure;
    known.failed_at = wall_clock_();
  }
  if (state == EndpointState::kIdle) {
    const auto in_use = std::find_if(known.states.begin(), known.states.end(),
                                     [](EndpointState s) { return s != EndpointState::kIdle; });
    if (in_use != known.states.end()) state = *in_use;
  }
  Judge(endpoint, known, state);
}

void Endpoints::Judge(const net::Endpoint& endpoint, Known& known, EndpointState state) {
  known.state = state;
  if (!IsLasting(state) || state == known.lasting) return;
  const EndpointState before = std::exchange(known.lasting, state);
  known.since = wall_clock_();
  if (IsBad(state)) return Tell(endpoint, absl::StrCat("it fails: ", known.failure));
  if (IsBad(before)) Tell(endpoint, "it is connected again");
}

void Endpoints::Tell(const net::Endpoint& endpoint, std::string text) {
  events_.Add("endpoint", absl::StrCat(upstream_, " ", net::ToString(endpoint)), std::move(text));
}

const net::Endpoint* Endpoints::Find(const std::string& address) const {
  for (const auto& [endpoint, known] : known_) {
    if (known.in_force && net::ToString(endpoint) == address) return &endpoint;
  }
  return nullptr;
}

void Endpoints::SetDrained(const net::Endpoint& endpoint, bool drained) {
  Known& known = Of(endpoint);
  if (std::exchange(known.drained, drained) == drained) return;
  known.since = wall_clock_();
  Tell(endpoint, drained ? "it is taken out by command" : "it is taken back in by command");
}

int64_t Endpoints::connections(const net::Endpoint& endpoint) const {
  int64_t sum = 0;
  for (const auto& cells : known_.at(endpoint).cells) sum += cells->connections.value();
  return sum;
}

bool Endpoints::AnyServes() const {
  return std::any_of(known_.begin(), known_.end(), [](const auto& item) {
    const Known& known = item.second;
    return known.in_force && !known.drained && !known.unhealthy &&
           known.state != EndpointState::kFailing;
  });
}

void Endpoints::Describe(v1::Upstream& upstream) const {
  for (const auto& [endpoint, known] : known_) {
    if (known.in_force) Describe(endpoint, known, *upstream.add_endpoints());
  }
  upstream.set_resolve_error(resolve_error_);
}

void Endpoints::Describe(const net::Endpoint& endpoint, const Known& known, v1::Endpoint& out) {
  out.set_address(net::ToString(endpoint));
  out.set_state(known.drained               ? v1::Endpoint::STATE_DRAINED
                : known.unhealthy           ? v1::Endpoint::STATE_UNHEALTHY
                : known.ejections.ejected() ? v1::Endpoint::STATE_EJECTED
                                            : ToProto(known.state));
  *out.mutable_since() = app::ToProto(known.since);
  if (!known.failure.empty()) {
    out.set_last_failure(known.failure);
    *out.mutable_last_failure_at() = app::ToProto(known.failed_at);
  }
  DescribeCells(known.cells, out);
}

// Between two attempts an endpoint that fails is idle or connecting, and not up for that.
bool Endpoints::IsUp(const Known& known) { return !IsBad(known.lasting); }

void Endpoints::Show(metrics::Visitor& visitor) const {
  const metrics::Labels labels = {{"upstream", upstream_}};
  size_t in_force = 0;
  int64_t up = 0;
  for (const auto& [endpoint, known] : known_) {
    if (!known.in_force) continue;
    up += IsUp(known) ? 1 : 0;
    if (++in_force <= kMostShown) Show(net::ToString(endpoint), known, visitor);
  }
  visitor.Level("singleflight_upstream_endpoints", "Endpoints that the upstream has.", labels,
                static_cast<int64_t>(in_force));
  visitor.Level("singleflight_upstream_endpoints_up", "Those that do not fail.", labels, up);
  visitor.Count("singleflight_upstream_ejections_withheld_total",
                "Times that an endpoint failed often enough to be ejected and stayed, because no "
                "other works or max_share is reached.",
                labels, ejections_withheld_);
}

void Endpoints::Show(const std::string& address, const Known& known,
                     metrics::Visitor& visitor) const {
  const metrics::Labels labels = {{"upstream", upstream_}, {"endpoint", address}};
  ShowEndpoint(labels, {IsUp(known), known.drained}, known.cells, visitor);
  visitor.Level("singleflight_upstream_endpoint_unhealthy",
                "1: health_check found that it does not serve.", labels, known.unhealthy ? 1 : 0);
  visitor.Level("singleflight_upstream_endpoint_ejected", "1: left out for its failures.", labels,
                known.ejections.ejected() ? 1 : 0);
  visitor.Count("singleflight_upstream_endpoint_ejections_total",
                "Times that it was left out for its failures.", labels, known.ejections.count());
}

}  // namespace singleflight::app
