// One call forwarded as a stream: bytes cross as they come, and each side's window opens by what
// the other has written.

#include "server/proxy/relay.h"

#include <algorithm>
#include <utility>

namespace singleflight::proxy {
namespace {

// While there is no room, a caller that leaves more of its reply unread loses it.
constexpr size_t kMostUnread = 16 << 10;

// Takes from `ahead` what of `bytes` it covers, and returns the rest.
size_t BeyondUncoupled(size_t& ahead, size_t bytes) {
  const size_t covered = std::min(ahead, bytes);
  ahead -= covered;
  return bytes - covered;
}

// So many of those `on_its_way` have left: a flight may have sent some before.
size_t Left(size_t& on_its_way, size_t bytes) {
  const size_t left = std::min(on_its_way, bytes);
  on_its_way -= left;
  return left;
}

}  // namespace

Relay::Relay(http2::Stream& downstream, std::unique_ptr<core::UpstreamCall> call,
             const Setting& setting, RelayEvents& events)
    : downstream_(downstream),
      loop_(setting.loop),
      buffered_(setting.buffered),
      own_bytes_(setting.buffered, setting.call_bytes),
      stall_timeout_(setting.stall_timeout),
      events_(events),
      request_pieces_(setting.buffered),
      reply_pieces_(setting.buffered),
      client_bytes_(setting.client),
      call_(std::move(call)),
      stall_timer_(setting.loop.timers(), [this] { OnStallTick(); }) {}

Relay::Relay(http2::Stream& downstream, core::Upstream& upstream, core::UpstreamHead head,
             const Setting& setting, RelayEvents& events)
    : Relay(downstream, upstream.Start(std::move(head), *this), setting, events) {}

void Relay::GoOn(absl::optional<model::Headers> initial, std::string body) {
  call_->SetEvents(*this);
  if (!initial.has_value() || !events_.OnRelayHeaders(*initial, false)) return;
  replied_ = true;
  uncoupled_reply_ = unread_ = body.size();
  client_bytes_.Add(static_cast<int64_t>(unread_));
  downstream_.Send(buffered_.Hold(std::move(body)));
}

void Relay::Send(absl::string_view bytes) { Forward(request_pieces_.Copy(bytes)); }

void Relay::SendAhead(base::Slice bytes) {
  uncoupled_request_ += bytes.size();
  Forward(std::move(bytes));
}

void Relay::Forward(base::Slice bytes) {
  on_its_way_ += bytes.size();
  client_bytes_.Add(static_cast<int64_t>(bytes.size()));
  progress_.Moved(bytes.size());
  if (scanner_.state() == wire::MessageScanner::State::kInside && !stall_timer_.pending()) {
    progress_.Rest();
    OnStallTick();
  }
  if (write_ != nullptr) write_->Pass(bytes.view());
  call_->Send(std::move(bytes));
}

// While upstream does not take what is here, the caller is not to blame.
void Relay::OnStallTick() {
  if (scanner_.state() != wire::MessageScanner::State::kInside) return;
  const bool same_message = scanner_.complete() == std::exchange(ended_, scanner_.complete());
  if (progress_.Stalled(same_message && on_its_way_ == 0)) return events_.OnRelayStalled();
  stall_timer_.Set(base::After(loop_.Now(), stall_timeout_));
}

void Relay::Finish(model::SharedHeaders trailing) {
  stall_timer_.Cancel();
  call_->Finish(std::move(trailing));
}

// In this order: what is read before the backend is told to stop may be older than what it did.
void Relay::Cancel(core::Unanswered why) {
  call_->Cancel(why);
  if (write_ != nullptr) write_->DropAfter(call_->trip());
}

void Relay::OnWritten(size_t bytes) {
  client_bytes_.Add(-static_cast<int64_t>(Left(unread_, bytes)));
  call_->Consume(BeyondUncoupled(uncoupled_reply_, bytes));
}

void Relay::OnInitial(model::Headers fields, bool end) {
  if (write_ != nullptr) write_->Drop();
  if (!events_.OnRelayHeaders(fields, end)) return;
  replied_ = true;
  if (end) events_.OnRelayEnded();
}

void Relay::OnData(absl::string_view bytes) {
  if (write_ != nullptr) write_->Drop();
  unread_ += bytes.size();
  if (unread_ > kMostUnread && buffered_.budget().spent()) return events_.OnRelayUnread();
  if (reply_scanner_.has_value()) {
    reply_scanner_->Feed(bytes);
    if (reply_scanner_->complete() > 1) {
      reply_scanner_.reset();
      events_.OnRelayStreams();
    }
  }
  client_bytes_.Add(static_cast<int64_t>(bytes.size()));
  downstream_.Send(reply_pieces_.Copy(bytes));
}

bool Relay::WasUnary(const model::Headers& trailing) const {
  return scanner_.ExactlyOne() && reply_scanner_.has_value() && reply_scanner_->ExactlyOne() &&
         trailing.Find("grpc-status") == absl::string_view("0");
}

void Relay::OnEnd(model::Headers trailing) {
  if (write_ != nullptr) write_->Drop();
  if (WasUnary(trailing)) events_.OnRelayUnary();
  if (!events_.OnRelayTrailers(trailing)) return;
  downstream_.Finish(model::SharedHeaders(std::move(trailing)));
  events_.OnRelayEnded();
}

void Relay::OnSent(size_t bytes) {
  client_bytes_.Add(-static_cast<int64_t>(Left(on_its_way_, bytes)));
  downstream_.Consume(BeyondUncoupled(uncoupled_request_, bytes));
}

void Relay::OnFailed(core::UpstreamFailure failure) {
  if (write_ != nullptr) write_->DropAfter(failure, call_->trip());
  events_.OnRelayFailed(failure);
}

}  // namespace singleflight::proxy
