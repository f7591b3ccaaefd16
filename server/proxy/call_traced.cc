// The span of a call that is recorded: begun with its headers, and handed over at its end. Calls
// that are not recorded have none, and where tracing is off nobody asks.

#include <utility>

#include "server/proxy/call.h"

namespace singleflight::proxy {
namespace {

// What the span of a call and that of its upstream call take.
constexpr int64_t kOfSpans = 2 << 10;

}  // namespace

void Call::BeginSpan() {
  std::unique_ptr<trace::OpenSpan> span = around().tracer->BeginCall(*request_, began_);
  if (span == nullptr) return;
  if (details_ == nullptr) details_ = std::make_unique<CallDetails>();
  details_->span = std::move(span);
  CountRequest(kOfSpans);
}

const trace::OpenSpan* Call::span() const {
  return details_ == nullptr ? nullptr : details_->span.get();
}

std::unique_ptr<trace::OpenSpan> Call::BeginUpstreamSpan(const core::Upstream& upstream) {
  if (span() == nullptr) return nullptr;
  return around().tracer->BeginUpstreamCall(
      span()->span->self, {*request_, route_->shared.name, upstream.AuthorityFor(*request_)},
      loop().Now());
}

// A leader's own upstream call is a child of its span. What made the reply to anyone else is
// another trace's, and linked to.
void Call::NoteAnswer(const core::Answer& answer) {
  details_->flight = answer.flown;
  const bool led = role() == Role::kLeader && answer.source != core::Answer::Source::kHit;
  if (span() != nullptr && !led) details_->span->span->made_by = answer.reply.made_by;
}

void Call::EndSpan(const CallEnd& end) {
  trace::Span& span = *details_->span->span;
  span.role = NameOf(end.role);
  span.peer = std::string(end.peer);
  span.status = end.code;
  if (!end.code.has_value()) span.error = "left";
  if (end.route != nullptr) {
    span.route = core::ToText(end.route->options.match);
  }
  trace::End(std::move(details_->span), loop().Now());
  CountRequest(-kOfSpans);
}

}  // namespace singleflight::proxy
