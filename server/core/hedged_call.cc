// Two legs and one race:
//
//   a reply begins on one                       it has won; the other is cancelled
//   one fails while the other is in the air     it is out, and the other goes on alone
//   one fails alone                             the call has failed so
//
// Time counts from when the first has a stream: at its start, or else, since a call that waits for
// one says nothing, when the first bytes of its request leave. So calls that wait have no timer.
//
// A reply that is only a status with which calls are retried is a failure in this sense, since the
// other leg may do better. A reply that had to be refused here is not: the other's would be refused
// too.

#include "server/core/hedged_call.h"

#include <utility>

namespace singleflight::core {

HedgedCall::HedgedCall(const LoopContext& around, Route& route, Owner& owner, UpstreamHead head,
                       UpstreamEvents& events, absl::optional<absl::Duration> after)
    : around_(around),
      route_(route),
      owner_(owner),
      events_(&events),
      begun_(around.loop.Now()),
      after_(after),
      timer_(around.loop.timers(), [this] { OnDue(); }) {
  first_.call = around_.upstreams[route_.upstream]->Start(std::move(head), first_);
  AwaitReply();
}

void HedgedCall::AwaitReply() {
  const base::Instant sent = first_.call->trip().sent;
  if (!after_.has_value() || sent == UpstreamTrip::kNever) return;
  timer_.Set(base::After(sent, *std::exchange(after_, absl::nullopt)));
}

void HedgedCall::OnDue() {
  absl::optional<UpstreamHead> head = owner_.TakeHedge(first_.call->trip());
  if (!head.has_value()) return;
  second_.call = around_.upstreams[route_.upstream]->Start(*std::move(head), second_);
  request_.SendTo(*second_.call);
}

void HedgedCall::Cancel(Unanswered why) {
  timer_.Cancel();
  for (Leg* leg : {&first_, &second_}) {
    if (leg->call != nullptr) leg->call->Cancel(why);
  }
}

void HedgedCall::Send(base::Slice bytes) {
  request_.Add(bytes);
  if (second_.call != nullptr && first_.call != nullptr) second_.call->Send(bytes);
  shown().call->Send(std::move(bytes));
}

void HedgedCall::Finish(model::SharedHeaders trailing) {
  request_.Finish(trailing);
  if (second_.call != nullptr && first_.call != nullptr) second_.call->Finish(trailing);
  shown().call->Finish(std::move(trailing));
}

void HedgedCall::Disown() {
  for (Leg* leg : {&first_, &second_}) {
    if (leg->call != nullptr) leg->call->Disown();
  }
}

const UpstreamTrip& HedgedCall::trip() const {
  trip_ = shown().call->trip();
  trip_.begun = begun_;
  return trip_;
}

// As `retry` of the route says, or would say.
bool HedgedCall::IsFailure(const model::Headers& trailers_only) const {
  const StatusSet codes = route_.options.retry.value_or(RetryOptions()).codes;
  const auto code = wire::ParseStatus(trailers_only.Find("grpc-status").value_or(""));
  return code.has_value() && codes.has(*code);
}

void HedgedCall::OnInitial(Leg& leg, model::Headers fields, bool end) {
  const bool fails = end && IsFailure(fields);
  if (fails && !IsAlone(leg)) return leg.call.reset();
  // If the second replies first, the first would have taken this long at least.
  if (!fails && first_.call != nullptr) {
    route_.latency.Note(absl::FromChrono(around_.loop.Now() - first_.call->trip().sent));
  }
  if (!fails && &leg == &second_) owner_.OnHedgeWon();
  Win(leg);
  events_->OnInitial(std::move(fields), end);
}

void HedgedCall::Win(Leg& leg) {
  timer_.Cancel();
  after_.reset();
  request_.Drop();
  Leg& other = OtherThan(leg);
  if (other.call != nullptr) {
    other.call->Cancel(Unanswered::kHedge);
    other.call.reset();
  }
}

void HedgedCall::OnSent(const Leg& leg, size_t bytes) {
  if (&leg == &first_) AwaitReply();
  if (&leg == &shown()) events_->OnSent(bytes);
}

void HedgedCall::OnFailed(Leg& leg, UpstreamFailure failure) {
  if (!IsAlone(leg)) {
    if (failure.kind != UpstreamFailure::Kind::kRefused) return leg.call.reset();
    Win(leg);
  }
  timer_.Cancel();
  events_->OnFailed(std::move(failure));
}

}  // namespace singleflight::core
