// A call whose flight could not serve it: its wait before the upstream's release gate, and how long
// the place that it gets there is its alone.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/proxy/call.h"

namespace singleflight::proxy {
namespace {

// What such a place takes.
constexpr int64_t kOfAPlace = 512;

// How many callers of a key wait before a gate: a whole flight, however small flights are.
size_t MostBeforeGate(const core::Route& route) {
  return std::max(route.flights.max_waiters, core::CollapseOptions().max_waiters);
}

// For how long they do; flights of a route that does not collapse have no time of their own.
absl::Duration PatienceBeforeGate(const core::Route& route) {
  return route.options.collapse.value_or(core::CollapseOptions()).flight_timeout;
}

}  // namespace

Call::AtGate::AtGate(Call& call, const core::Question& asked)
    : buffered(call.around().buffered),
      asked(asked),
      timer(call.loop().timers(), [&call] { call.OnGateTimer(); }) {
  buffered.Add(kOfAPlace);
}

Call::AtGate::~AtGate() { buffered.Add(-kOfAPlace); }

void Call::EnterGate(const core::Question& asked, core::Release why) {
  state_ = State::kQueued;
  why_relayed_ = why;
  at_gate_ = std::make_unique<AtGate>(*this, asked);
  at_gate_->ticket = route_->shared.release_gate->Enter(
      asked.line, MostBeforeGate(*route_), loop(), [weak = weak_from_this()](absl::Duration turn) {
        const std::shared_ptr<Call> self = weak.lock();
        if (self != nullptr && self->state_ == State::kQueued) self->OnAdmitted(turn);
      });
  if (at_gate_->ticket == nullptr) {
    return RefuseRelease(core::GateRefusal::kQueueFull,
                         absl::StrCat(MostBeforeGate(*route_), " of its key are waiting"));
  }
  at_gate_->timer.Set(base::After(loop().Now(), PatienceBeforeGate(*route_)));
}

void Call::OnAdmitted(absl::Duration turn) {
  const core::Question asked = std::exchange(at_gate_->asked, {});
  at_gate_->timer.Set(base::After(loop().Now(), turn));
  StartRelay();
  base::Slice message = context_->read_path.MessageFor(*route_, *request_, asked);
  wire::MessageScanner whole;
  whole.Feed(message.view());
  relay_->Scanned(whole);
  relay_->SendAhead(std::move(message));
  relay_->Finish({});
}

void Call::OnGateTimer() {
  if (state_ != State::kQueued) return at_gate_->ticket->StandAside();
  RefuseRelease(core::GateRefusal::kFlightTimeout,
                absl::StrCat("its turn did not come within collapse.flight_timeout (",
                             absl::FormatDuration(PatienceBeforeGate(*route_)), ")"));
}

void Call::RefuseRelease(core::GateRefusal why, absl::string_view message) {
  const core::UpstreamBounds& upstream = route_->shared;
  const std::string text =
      absl::StrCat("upstream '", upstream.name, "': a call whose reply could not be shared (",
                   NameOf(std::get<core::Release>(why_relayed_)),
                   ") was not let through by release_concurrency (",
                   upstream.release_gate->at_once(), "): ", message);
  spdlog::debug("{}: {} ({})", std::string(request_->path().substr(0, 256)), text, context_->peer);
  route_metrics().release_refusals.Add(why);
  SendStatus(wire::StatusCode::kResourceExhausted, text);
}

}  // namespace singleflight::proxy
