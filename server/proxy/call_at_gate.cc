// A call whose flight could not serve it: whether it asks again, its wait before the upstream's
// release gate, and how long the place that it gets there is its alone.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/proxy/call.h"

namespace singleflight::proxy {
namespace {

constexpr std::variant<core::Bypass, core::Release> kAskedAgain = core::Release::kLeaderRefused;

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

void Call::OnReleased(const core::Question& asked, core::Release why) {
  const std::shared_ptr<Call> keep = std::move(aboard_);
  if (state_ != State::kWaiting) return;
  const bool again = why == core::Release::kLeaderRefused && why_relayed_ != kAskedAgain;
  why_relayed_ = why;
  again ? AskAgain(asked) : EnterGate(asked, why);
}

// What its leader was refused for was not this call's, which leads, or follows one that does. Once:
// many leaders may be refused one after the other. It has been counted as a follower.
void Call::AskAgain(const core::Question& asked) {
  switch (ServeLike(asked)) {
    case core::Served::kKept:
    case core::Served::kLeads:
    case core::Served::kFollows:
      return;
    case core::Served::kUnreadable:
    case core::Served::kStreams:
    case core::Served::kTooLarge:
    case core::Served::kNoStore:
    case core::Served::kDiffered:
    case core::Served::kNothingKept:
      return EnterGate(asked, core::Release::kLeaderRefused);
    case core::Served::kPastShare:
      return ShedForShare();
  }
}

core::Served Call::ServeLike(const core::Question& asked) {
  if (collector_ != nullptr) return ServeCollected();
  const base::Slice message = MessageFor(asked);
  return Serve(message.view(), [&message] { return message; });
}

// Its own, if it has kept that.
base::Slice Call::MessageFor(const core::Question& asked) {
  const std::unique_ptr<Collector> own = std::move(collector_);
  if (own != nullptr) return around().buffered.Hold(std::string(own->bytes()));
  return context_->read_path.MessageFor(*route_, *request_, asked);
}

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
  base::Slice message = MessageFor(asked);
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
