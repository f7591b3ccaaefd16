// One call after the other, and one caller that sees a single one.
//
// A call that upstream certainly had not begun is sent again by upstream itself, so often for all
// the calls together. What is left of that goes to the next one. Only past it does Retries decide.
//
// Until a reply begins, what the caller sends is kept, up to a bound. While the call waits to be
// sent again the bound stands back: the caller's window is what holds it then.

#include "server/core/retried_call.h"

#include <utility>

namespace singleflight::core {
namespace {

model::SpanRef ParentOf(const trace::OpenSpan* open) {
  if (open == nullptr) return {};
  return {open->span->self.trace, open->span->parent};
}

}  // namespace

std::unique_ptr<UpstreamCall> RetriedUpstream::Start(UpstreamHead head, UpstreamEvents& events) {
  return std::make_unique<RetriedCall>(around_, route_, std::move(head), events);
}

absl::string_view RetriedUpstream::AuthorityFor(const model::Request& request) const {
  return around_.upstreams[route_.upstream]->AuthorityFor(request);
}

RetriedCall::RetriedCall(const LoopContext& around, const Route& route, UpstreamHead head,
                         UpstreamEvents& events)
    : around_(around),
      route_(route),
      head_(std::move(head)),
      events_(&events),
      caller_(ParentOf(head_.span.get())),
      retries_(around, route, head_.deadline, [this] { SendAgain(); }),
      begun_(around.loop.Now()) {
  Start(false, std::move(head_.span));
}

void RetriedCall::Start(bool again, std::unique_ptr<trace::OpenSpan> span) {
  call_ = around_.upstreams[route_.upstream]->Start(
      {head_.request, head_.authority, head_.deadline, head_.chain_hop, head_.resends, head_.client,
       again, std::move(span), retries_.previous_attempts()},
      *this);
}

void RetriedCall::SendAgain() {
  sent_ = 0;
  head_.resends -= call_->trip().resends;
  Start(true, NextSpan());
  kept_.SendTo(*call_);
  if (kept_.too_large()) kept_.Drop();
}

std::unique_ptr<trace::OpenSpan> RetriedCall::NextSpan() {
  if (!caller_) return nullptr;
  return around_.tracer->BeginUpstreamCall(
      caller_, {*head_.request, route_.shared.name, head_.authority}, around_.loop.Now());
}

void RetriedCall::Cancel(Unanswered why) {
  retries_.Cancel();
  call_->Cancel(why);
}

void RetriedCall::Send(base::Slice bytes) {
  kept_.Add(bytes);
  if (kept_.too_large() && !retries_.waits()) kept_.Drop();
  call_->Send(std::move(bytes));
}

void RetriedCall::Finish(model::SharedHeaders trailing) {
  kept_.Finish(trailing);
  call_->Finish(std::move(trailing));
}

void RetriedCall::Disown() {
  head_.client = nullptr;
  call_->Disown();
}

const UpstreamTrip& RetriedCall::trip() const {
  trip_ = call_->trip();
  trip_.begun = begun_;
  return trip_;
}

Retries::Request RetriedCall::request() const {
  return kept_.keeps() ? Retries::Request::kKept : Retries::Request::kTooLarge;
}

void RetriedCall::OnInitial(model::Headers fields, bool end) {
  if (end && retries_.RetryAfter(fields, request())) return;
  replied_ = true;
  kept_.Drop();
  events_->OnInitial(std::move(fields), end);
}

void RetriedCall::OnSent(size_t bytes) {
  sent_ += bytes;
  if (sent_ <= reported_) return;
  const size_t news = sent_ - std::exchange(reported_, sent_);
  events_->OnSent(news);
}

void RetriedCall::OnFailed(UpstreamFailure failure) {
  if (!replied_ && retries_.RetryAfter(failure, request())) return;
  events_->OnFailed(std::move(failure));
}

}  // namespace singleflight::core
