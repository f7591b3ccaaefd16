#include "server/proxy/relay.h"

#include <algorithm>
#include <string>
#include <utility>

namespace singleflight::proxy {
namespace {

// Takes from `ahead` what of `bytes` it covers, and returns the rest.
size_t BeyondUncoupled(size_t& ahead, size_t bytes) {
  const size_t covered = std::min(ahead, bytes);
  ahead -= covered;
  return bytes - covered;
}

}  // namespace

Relay::Relay(http2::Stream& downstream, core::Upstream& upstream, core::CallHead head,
             core::Buffered& buffered, RelayListener& listener)
    : downstream_(downstream),
      buffered_(buffered),
      listener_(listener),
      call_(upstream.Start(std::move(head), *this)) {}

Relay::Relay(http2::Stream& downstream, core::Takeover takeover, core::Buffered& buffered,
             RelayListener& listener)
    : downstream_(downstream),
      buffered_(buffered),
      listener_(listener),
      call_(std::move(takeover.call)) {
  call_->SetListener(*this);
  if (!takeover.initial.has_value()) return;
  replied_ = true;
  listener_.OnRelayHeaders(*takeover.initial, false);
  uncoupled_reply_ = takeover.body.size();
  downstream_.Send(buffered_.Hold(std::move(takeover.body)));
}

void Relay::Send(base::Slice bytes, bool coupled) {
  if (!coupled) uncoupled_request_ += bytes.size();
  call_->Send(std::move(bytes));
}

void Relay::Finish(model::SharedHeaders trailing) { call_->Finish(std::move(trailing)); }

void Relay::OnWritten(size_t bytes) { call_->Consume(BeyondUncoupled(uncoupled_reply_, bytes)); }

void Relay::OnInitial(model::Headers fields, bool end) {
  replied_ = true;
  listener_.OnRelayHeaders(fields, end);
  if (end) listener_.OnRelayEnded();
}

void Relay::OnData(absl::string_view bytes) {
  downstream_.Send(buffered_.Hold(std::string(bytes)));
}

void Relay::OnEnd(model::Headers trailing) {
  listener_.OnRelayTrailers(trailing);
  downstream_.Finish(model::SharedHeaders(std::move(trailing)));
  listener_.OnRelayEnded();
}

void Relay::OnSent(size_t bytes) {
  downstream_.Consume(BeyondUncoupled(uncoupled_request_, bytes));
}

void Relay::OnFailed(core::CallFailure failure) { listener_.OnRelayFailed(failure); }

}  // namespace singleflight::proxy
