// One connection to one endpoint, from the first SYN to its end. It takes calls once the peer has
// sent its settings, until the peer says GOAWAY or the stream ids run out; then it lives on until
// its last call has ended, or the peer turns out to be dead (Pulse).
//
// Threads: its worker's.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_LINK_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_LINK_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/types/optional.h"
#include "server/http2/connection.h"
#include "server/net/address.h"
#include "server/tls/stream.h"
#include "server/upstream/client_shares.h"
#include "server/upstream/endpoint_cells.h"
#include "server/upstream/pulse.h"

namespace singleflight::upstream {

class Link;

// TLS to one endpoint: what is wanted of it, and the latest session with it. Without a context,
// plaintext.
struct Security {
  tls::SharedContext context;
  std::shared_ptr<tls::Resumption> resumption;
};

// What the owner of a link hears.
class LinkEvents {
 public:
  // A TLS handshake succeeded.
  virtual void OnLinkSecured(Link& link, bool resumed) = 0;

  // Calls can be sent: the peer's first settings have come.
  virtual void OnLinkReady(Link& link) = 0;

  // A stream became free, or the peer's limit changed.
  virtual void OnLinkRoom(Link& link) = 0;

  // A PING goes out.
  virtual void OnLinkPinged(Link& link) = 0;

  // The peer wants fewer PINGs, and takes no more calls here.
  virtual void OnLinkPingedTooOften(Link& link) = 0;

  // The peer answered no PING; OnLinkClosed comes next, after its calls have ended.
  virtual void OnLinkSilent(Link& link) = 0;

  // The last event. `was_ready`: it had been ready for calls.
  virtual void OnLinkClosed(Link& link, bool was_ready, absl::string_view why) = 0;

 protected:
  ~LinkEvents() = default;
};

class Link final : public http2::ConnectionEvents,
                   public std::enable_shared_from_this<Link>,
                   private PulsePeer {
 public:
  Link(net::Worker& worker, net::Endpoint endpoint, const http2::SessionOptions& options,
       absl::Duration connect_timeout, const PulseOptions& pulse, Security security,
       const EndpointSeat& seat, LinkEvents& events);
  ~Link() override;

  void Connect();
  void Close(absl::string_view why);

  // Takes no more calls, and closes with its last one.
  void Retire();

  bool ready() const { return ready_since_.has_value(); }
  bool CanOpen() const { return ready() && session() != nullptr && session()->CanOpen(); }

  // Its endpoint, as metrics and logs call it.
  const std::shared_ptr<const std::string>& name() const { return name_; }

  // What is counted of its endpoint, on this worker and on all.
  EndpointCells& cells() { return *cells_; }
  EndpointShared& shared() { return *shared_; }
  const std::shared_ptr<EndpointShared>& shared_owner() const { return shared_; }

  const net::Endpoint& endpoint() const { return endpoint_; }

  // Its end, if it takes calls with it, is one failure of its endpoint. True the first time.
  bool BlameOnce() { return !std::exchange(blamed_, true); }

  // False: no call will ever be sent on it again.
  bool alive() const { return !ready() || (session() != nullptr && session()->alive()); }

  // How many streams the peer allows at a time; 0: it has yet to say so, or takes no more calls.
  size_t max_streams() const {
    return ready() && session() != nullptr && session()->alive() ? session()->peer_max_streams()
                                                                 : 0;
  }
  size_t streams() const { return session() == nullptr ? 0 : session()->streams(); }

  // Whose its streams are.
  StreamShares& shares() { return shares_; }

  // The peer has been asked whether it lives, and has yet to answer.
  bool in_doubt() const { return pulse_.in_doubt(); }

  // Its peer answered no PING, which is why it ends.
  bool silent() const { return silent_; }

  // Whether it has proved to work: a call ended in order, or a second passed since it was ready.
  // One that this side ended for a bound of its own is not judged, and counts as proved.
  bool proved() const;

  // Only while CanOpen(): whether the peer takes a header list as large as this one.
  bool Takes(model::HeadersView fields) const { return session()->PeerTakes(fields); }
  uint32_t peer_max_header_list() const { return session()->peer_max_header_list(); }

  // Only while CanOpen().
  http2::Stream& Open(const model::Headers& fields, std::shared_ptr<http2::StreamEvents> handler);

 private:
  void OnStream(http2::Stream&) override {}  // a client's peer opens none
  void OnSettings() override;
  void OnGoAway() override;
  void OnStreamGone() override;
  void OnBound(http2::Bound) override {}  // a server's concern
  void OnConnectionClosed(absl::string_view why) override;

  Heard heard() const override;
  size_t calls() const override { return streams(); }
  void SendPing() override;
  void OnSilent() override;

  void OnConnected();
  void OnHandshake(const absl::Status& status);
  void StartHttp2(std::unique_ptr<net::ByteStream> bytes);
  // Null before the connection is made and after it is gone.
  http2::Session* session() const {
    return connection_ == nullptr ? nullptr : connection_->session();
  }

  net::Worker& worker_;
  const net::Endpoint endpoint_;
  const std::shared_ptr<const std::string> name_;
  const http2::SessionOptions options_;
  const absl::Duration connect_timeout_;
  const Security security_;
  const std::shared_ptr<EndpointCells> cells_;
  const std::shared_ptr<EndpointShared> shared_;
  LinkEvents& events_;
  std::unique_ptr<net::ByteStream> socket_;  // until it is connected
  std::unique_ptr<tls::Stream> tls_;         // from then on, until the handshake is over
  std::shared_ptr<http2::Connection> connection_;
  base::Timer connect_timer_;
  Pulse pulse_;
  StreamShares shares_;
  bool silent_ = false;
  bool blamed_ = false;
  absl::optional<base::Instant> ready_since_;
  bool served_ = false;  // a call ended in order
  bool closed_ = false;
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_LINK_H_
