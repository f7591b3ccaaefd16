// One connection to an endpoint: TCP, then TLS if wanted, then HTTP/2, all within connect_timeout.

#include "server/upstream/link.h"

#include "absl/strings/str_cat.h"

namespace singleflight::upstream {
namespace {

constexpr absl::Duration kProvedAfter = absl::Seconds(1);

}  // namespace

Link::Link(net::Worker& worker, net::Endpoint endpoint, const http2::SessionOptions& options,
           absl::Duration connect_timeout, const PulseOptions& pulse, Security security,
           const EndpointSeat& seat, LinkEvents& events)
    : worker_(worker),
      endpoint_(std::move(endpoint)),
      name_(std::make_shared<const std::string>(net::ToString(endpoint_))),
      options_(options),
      connect_timeout_(connect_timeout),
      security_(std::move(security)),
      cells_(seat.cells),
      shared_(seat.shared),
      events_(events),
      connect_timer_(
          worker.timers(),
          [this] {
            Close(absl::StrCat("not ready within ", absl::FormatDuration(connect_timeout_)));
          }),
      pulse_(worker, pulse, *this) {}

Link::~Link() = default;

void Link::Connect() {
  connect_timer_.Set(base::After(worker_.Now(), connect_timeout_));
  socket_ = net::ConnectSocketStream(worker_, endpoint_);
  socket_->WhenWritable([self = shared_from_this()] { self->OnConnected(); });
}

void Link::OnConnected() {
  const net::ByteStream::Result result = socket_->Write("");
  if (result.outcome == net::ByteStream::Outcome::kFailed) {
    return Close(socket_->WhyFailed(result.error));
  }
  if (security_.context == nullptr) return StartHttp2(std::move(socket_));
  tls_ = std::make_unique<tls::Stream>(worker_, std::move(socket_), security_.context,
                                       security_.resumption);
  tls_->Handshake(
      [self = shared_from_this()](const absl::Status& status) { self->OnHandshake(status); });
}

void Link::OnHandshake(const absl::Status& status) {
  if (!status.ok()) return Close(status.message());
  events_.OnLinkSecured(*this, tls_->resumed());
  StartHttp2(std::move(tls_));
}

void Link::StartHttp2(std::unique_ptr<net::ByteStream> bytes) {
  connection_ = std::make_shared<http2::Connection>(worker_, http2::Side::kClient, options_,
                                                    std::move(bytes), *this);
  connection_->Start();
}

void Link::Close(absl::string_view why) {
  if (closed_) return;
  if (connection_ != nullptr) return connection_->Close(why);
  if (socket_ != nullptr) socket_->Close();
  if (tls_ != nullptr) tls_->Close();
  OnConnectionClosed(why);
}

void Link::Retire() {
  if (!ready()) return Close("not an endpoint any more");
  if (session() != nullptr) session()->Retire();
}

void Link::OnSettings() {
  if (ready()) return events_.OnLinkRoom(*this);
  ready_since_ = worker_.Now();
  connect_timer_.Cancel();
  events_.OnLinkReady(*this);
}

// Calls that wait for room here need another connection now.
void Link::OnGoAway() {
  if (session()->pinged_too_often()) events_.OnLinkPingedTooOften(*this);
  events_.OnLinkRoom(*this);
}

// Without a session nothing has been heard.
PulsePeer::Heard Link::heard() const {
  if (session() == nullptr) return {base::Instant(), 0};
  return {connection_->heard_at(), session()->received_replies()};
}

void Link::SendPing() {
  events_.OnLinkPinged(*this);
  session()->SendPing();
}

void Link::OnSilent() {
  silent_ = true;
  events_.OnLinkSilent(*this);
  Close(absl::StrCat("no answer to a PING within ping_timeout (",
                     absl::FormatDuration(pulse_.timeout()), ")"));
}

void Link::OnStreamGone() {
  served_ = served_ || (session() != nullptr && session()->completed() > 0);
  if (!closed_) events_.OnLinkRoom(*this);
}

bool Link::proved() const {
  if (connection_ != nullptr && connection_->ended_by_bound()) return true;
  return served_ || (ready() && worker_.Now() >= base::After(*ready_since_, kProvedAfter));
}

void Link::OnConnectionClosed(absl::string_view why) {
  const auto keep = shared_from_this();
  closed_ = true;
  connect_timer_.Cancel();
  pulse_.Stop();
  events_.OnLinkClosed(*this, ready(), why);
}

http2::Stream& Link::Open(const model::Headers& fields,
                          std::shared_ptr<http2::StreamEvents> handler) {
  pulse_.OnCall();
  return session()->Open(fields, std::move(handler));
}

}  // namespace singleflight::upstream
