#include "server/proxy/client_timers.h"

#include <utility>

namespace singleflight::proxy {

using http2::Bound;

ClientTimers::ClientTimers(base::Loop& loop, std::shared_ptr<const LimitOptions> limits,
                           double age_factor, ClientTimersEvents& events)
    : loop_(loop),
      limits_(std::move(limits)),
      events_(events),
      accepted_at_(loop.Now()),
      timer_(loop.timers(), [this] { OnTimer(); }),
      age_timer_(loop.timers(), [this] { OnAge(); }) {
  timer_.Set(base::After(accepted_at_, limits_->handshake_timeout));
  if (limits_->max_connection_age.has_value()) {
    age_timer_.Set(base::After(accepted_at_, *limits_->max_connection_age * age_factor));
  }
}

void ClientTimers::OnHandshake() {
  if (phase_ != Phase::kHandshake) return;
  phase_ = Phase::kFirstRequest;
  timer_.Set(base::After(accepted_at_, limits_->first_request_timeout));
}

void ClientTimers::OnStream() {
  ++streams_;
  if (phase_ != Phase::kFirstRequest) return;
  phase_ = Phase::kServing;
  timer_.Set(base::After(loop_.Now(), limits_->idle_timeout));
}

void ClientTimers::OnStreamGone() {
  if (--streams_ == 0) idle_since_ = loop_.Now();
}

void ClientTimers::OnTimer() {
  switch (phase_) {
    case Phase::kHandshake:
      return events_.OnTimeToClose(Bound::kHandshakeTimeout);
    case Phase::kFirstRequest:
      return Drain(Bound::kFirstRequestTimeout);
    case Phase::kServing:
      return OnIdleTimer();
    case Phase::kDraining:
      return;
  }
}

void ClientTimers::OnIdleTimer() {
  const base::Instant now = loop_.Now();
  const base::Instant due = base::After(streams_ > 0 ? now : idle_since_, limits_->idle_timeout);
  if (due <= now) return Drain(Bound::kIdleTimeout);
  timer_.Set(due);
}

void ClientTimers::OnAge() {
  if (std::exchange(aged_, true)) return events_.OnTimeToClose(Bound::kConnectionAgeGrace);
  if (limits_->max_connection_age_grace.has_value()) {
    age_timer_.Set(base::After(loop_.Now(), *limits_->max_connection_age_grace));
  }
  if (phase_ == Phase::kDraining) return;  // a call that slipped in meanwhile has the grace as well
  phase_ = Phase::kDraining;
  timer_.Cancel();
  events_.OnTimeToDrain(Bound::kConnectionAge);
}

void ClientTimers::Drain(Bound bound) {
  phase_ = Phase::kDraining;
  events_.OnTimeToDrain(bound);
}

}  // namespace singleflight::proxy
