// When a flight sends its call again. Nothing of a reply has gone to anybody before a flight lands,
// so what has come of it is dropped.
//
//   upstream certainly had not begun     at once
//   the call was lost with its link      at once; if `retry` names UNAVAILABLE and no reply had
//                                        begun, by its rules
//   what `retry` of the route names,     after a backoff, within a budget (retries.cc)
//   before a reply begins
//
//   it has brought nothing for a while   a second call, while the first goes on (hedged_call.cc)
//
// One bound holds for all of them together: once, or retry.attempts.

#include <utility>

#include "server/core/flight.h"
#include "server/core/footprint.h"

namespace singleflight::core {

void Flight::SendAgain() {
  DropReply();
  Send(true);
}

bool Flight::IsWanted() const {
  return landing_.waiting() > 0 || route_.flights.on_abandon == OnAbandon::kComplete;
}

bool Flight::MayResend(const UpstreamFailure& failure) {
  if (!IsWanted()) return false;
  if (retries_ != nullptr) return retries_->MayResend(failure, initial_.has_value());
  const bool may_succeed = failure.kind == UpstreamFailure::Kind::kNotStarted ||
                           failure.kind == UpstreamFailure::Kind::kLost;
  return may_succeed && around_.loop.Now() < deadline_.value_or(base::Instant::max()) &&
         resends_left_-- > 0;
}

bool Flight::Retry(model::HeadersView trailers_only) {
  return retries_ != nullptr && IsWanted() && retries_->RetryAfter(trailers_only);
}

bool Flight::Retry(const UpstreamFailure& failure) {
  return retries_ != nullptr && !initial_.has_value() && IsWanted() &&
         retries_->RetryAfter(failure);
}

void Flight::NoteHedging() {
  route_.hedges.Note(around_.loop.Now());
  if (!HedgeAfter().has_value()) metrics().hedge_refusals.Add(HedgeRefusal::kSamples);
}

// A flight has one hedge, whichever of its calls it is for.
absl::optional<absl::Duration> Flight::HedgeAfter() const {
  if (hedged_) return absl::nullopt;
  const HedgeOptions& hedge = *route_.flights.hedge;
  return hedge.after.has_value() ? hedge.after : route_.latency.p95();
}

absl::optional<HedgeRefusal> Flight::WhyNotHedged() {
  const bool left = retries_ == nullptr ? resends_left_ > 0 : retries_->has_attempt();
  if (!left) return HedgeRefusal::kAttempts;
  if (!route_.hedges.Take(route_.flights.hedge->budget, around_.loop.Now())) {
    return HedgeRefusal::kBudget;
  }
  return absl::nullopt;
}

absl::optional<UpstreamHead> Flight::TakeHedge(const UpstreamTrip& first) {
  if (!IsWanted()) return absl::nullopt;
  if (const absl::optional<HedgeRefusal> refusal = WhyNotHedged()) {
    metrics().hedge_refusals.Add(*refusal);
    return absl::nullopt;
  }
  metrics().hedges.Add();
  hedged_ = true;
  hedge_span_ = span_;
  UpstreamHead head = HeadOf(false);
  std::swap(span_, hedge_span_);  // until it wins, callers refer to the first
  head.previous_attempts = 1;
  if (retries_ == nullptr) {
    --resends_left_;
  } else {
    retries_->TakeAttempt();
    head.previous_attempts = retries_->previous_attempts();
  }
  head.wanted = wanted();
  head.avoid = first.endpoint;
  own_bytes_.Set(kBytesOfFlight + 2 * BytesOfUpstreamCall(*question_.request));
  return head;
}

void Flight::OnHedgeWon() {
  metrics().hedges_won.Add();
  span_ = hedge_span_;
}

void Flight::DropReply() {
  open_reply_timer_.Cancel();
  held_->Add(-static_cast<int64_t>(std::exchange(reply_bytes_, 0)));
  initial_.reset();
  age_ = cache::Age();
  body_.Take();
  scanner_ = wire::MessageScanner();
}

}  // namespace singleflight::core
