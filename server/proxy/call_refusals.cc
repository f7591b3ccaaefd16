// The ends of a call that are this program's own: what it refuses, for which bound, and in what
// words. Each is counted by its reason and says who refused and why; a call that is being collected
// has nobody waiting for it upstream, any other lets go of its upstream call first.

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/proxy/call.h"
#include "server/proxy/replier.h"

namespace singleflight::proxy {
namespace {

// A path in a message, which goes into a header block.
absl::string_view Shown(absl::string_view path) { return path.substr(0, 256); }

}  // namespace

void Call::Refuse(const model::Refusal& refusal) {
  downstream().requests_refused.Add(refusal.reason);
  spdlog::debug("a request was refused: {} ({})", refusal.message, context_->peer);
  switch (refusal.answer) {
    case model::Refusal::Answer::kReset:
      return Reset(http2::ErrorCode::kProtocolError);
    case model::Refusal::Answer::kHttp: {
      model::Headers fields;
      fields.Add(":status", absl::StrCat(refusal.http_status));
      if (refusal.http_status == 405) fields.Add("allow", "POST");
      state_ = State::kReplied;
      told_ = wire::StatusCode::kUnknown;  // as callers make of these
      return stream_->SendHeaders(fields, true);
    }
    case model::Refusal::Answer::kStatus:
      return SendStatus(refusal.status, refusal.message);
  }
}

void Call::RefuseTrailers(const model::Refusal& refusal) {
  if (state_ == State::kReplied) return;
  CountUnserved(&core::RouteMetrics::refused);
  if (relay_ != nullptr) relay_->Cancel(core::Unanswered::kCancelled);
  Refuse(refusal);
}

// A call that has no role yet, and gets none.
void Call::CountUnserved(metrics::Counter core::RouteMetrics::*as) {
  if (state_ != State::kCollecting && state_ != State::kChoosing) return;
  if (state_ == State::kChoosing) route_metrics().calls.Add();
  (route_metrics().*as).Add();
}

void Call::RefuseUnrouted() {
  downstream().requests_unrouted.Add();
  const std::string why = absl::StrCat("no route of the proxy matches ", Shown(request_->path()));
  spdlog::debug("a call was refused: {} ({})", why, context_->peer);
  SendStatus(wire::StatusCode::kUnimplemented, why);
}

void Call::RefuseToHold() {
  route_metrics().resource_exhausted.Add();
  SendStatus(wire::StatusCode::kResourceExhausted,
             absl::StrCat("upstream '", route_->shared.name,
                          "': replies that are being written hold more than max_held_bytes (",
                          route_->shared.max_held_bytes.load(),
                          "), or those of this client more than half of it"));
}

void Call::ShedForShare() {
  Shed(http2::Bound::kClientShare,
       absl::StrCat("upstream '", route_->shared.name,
                    "': calls of this client hold more than half of max_held_bytes (",
                    route_->shared.max_held_bytes.load(), "); what is left is for others"));
}

// 504 in HTTP (RFC 9111 §5.2.1.7), of which gRPC's clients make UNAVAILABLE.
void Call::RefuseForNothingKept() {
  route_metrics().nothing_kept.Add();
  SendStatus(wire::StatusCode::kUnavailable,
             "the request's cache-control is only-if-cached, and no reply that it takes is kept");
}

void Call::OnDeadline() {
  const bool cost_upstream = CostUpstream();
  if (state_ == State::kWaiting) {
    constexpr core::Unanswered kWhy = core::Unanswered::kDeadline;
    if (!context_->read_path.Leave(*route_, *this, kWhy)) return;  // the reply is on its way
    StepAshore();
  }
  CountUnserved(&core::RouteMetrics::refused);
  if (relay_ != nullptr) relay_->Cancel(core::Unanswered::kDeadline);
  if (cost_upstream) stream_->MarkWasted();
  route_metrics().deadline_exceeded.Add();
  SendStatus(wire::StatusCode::kDeadlineExceeded,
             absl::StrCat("the call's deadline passed; upstream '", route_->shared.name,
                          "' had not answered"));
}

bool Call::HasRoom() const {
  const memory::BufferBudget& budget = around().buffered.budget();
  return !budget.spent() && !budget.PastShare(context_->client.get());
}

// A call that is still being collected has nobody waiting for it upstream.
void Call::ShedForRoom() {
  if (!around().buffered.budget().spent()) {
    return Shed(
        http2::Bound::kClientShare,
        absl::StrCat("calls of this client hold more than half of limits.max_buffered_bytes (",
                     around().buffered.budget().max(), "); what is left is for others"));
  }
  Shed(http2::Bound::kBufferedBytes,
       absl::StrCat("the proxy holds more than limits.max_buffered_bytes (",
                    around().buffered.budget().max(), ") for the calls that it has"));
}

// What of the reply has left cannot be taken back, so no status fits behind it.
void Call::OnRelayUnread() {
  downstream().bounds.Add(http2::Bound::kBufferedBytes);
  relay_->Cancel(core::Unanswered::kBound);
  EndRelay();
  Reset(http2::ErrorCode::kEnhanceYourCalm);
}

void Call::Shed(http2::Bound bound, absl::string_view message) {
  CountUnserved(&core::RouteMetrics::refused);
  downstream().bounds.Add(bound);
  if (relay_ != nullptr) relay_->Cancel(core::Unanswered::kBound);
  SendStatus(wire::StatusCode::kResourceExhausted, message);
}

void Call::OnRelayStalled() {
  Shed(http2::Bound::kRequestStall,
       "the request has begun a message and hardly goes on with it (limits.stall_timeout)");
}

void Call::OnTrailersTooLarge(http2::Bound bound, absl::string_view why) {
  if (state_ != State::kReplied) Shed(bound, why);
}

void Call::ShedLargeMessage() {
  Shed(http2::Bound::kMessageBytes,
       absl::StrCat("a message of the request is larger than limits.max_message_bytes (",
                    context_->limits->max_message_bytes, ")"));
}

// `status`: the backend's.
void Call::ShedForClient(absl::optional<wire::StatusCode> status) {
  const std::string why = Replier(*stream_).WhyNotTaken(status);
  spdlog::debug("{}: {} ({})", std::string(Shown(request_->path())), why, context_->peer);
  Shed(http2::Bound::kClientHeaders, why);
}

// No status fits, or may be sent. The stream lets go of the call.
void Call::Reset(http2::ErrorCode code) {
  timer_.Cancel();
  state_ = State::kReplied;
  told_ = wire::StatusOfReset(static_cast<uint32_t>(code));
  std::exchange(stream_, nullptr)->Reset(code);
}

// Whatever the call was doing.
void Call::SendStatus(wire::StatusCode code, absl::string_view message) {
  timer_.Cancel();
  collector_.reset();
  const bool begun = relay_ != nullptr && relay_->replied();
  state_ = State::kReplied;
  told_ = code;
  Replier(*stream_).SendStatus(code, message, begun);
  EndRelay();
}

}  // namespace singleflight::proxy
