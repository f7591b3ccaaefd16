// A worker's clients: a connection from its accept to its end, and a call for each of its streams.

#include "server/proxy/frontend.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/proxy/client_timers.h"
#include "server/tls/stream.h"

namespace singleflight::proxy {
namespace {

constexpr char kShuttingDown[] = "the proxy is shutting down";

// So that connections that were made together do not end together.
double AgeFactor(std::minstd_rand& random) {
  return std::uniform_real_distribution<double>(0.9, 1.1)(random);
}

// So that it is stall_timeout that ends a connection which takes nothing, and is counted.
absl::Duration Patience(const LimitOptions& limits) {
  return std::max(absl::Seconds(20), 2 * limits.stall_timeout);
}

}  // namespace

// One client connection: TLS where the entrance wants it, then HTTP/2.
class Frontend::Client final : public http2::ConnectionEvents, public ClientTimersEvents {
 public:
  Client(Frontend& frontend, std::string peer, std::shared_ptr<const Entrance> entrance,
         Admission::Pass pass)
      : frontend_(frontend),
        peer_(std::move(peer)),
        entrance_(std::move(entrance)),
        pass_(std::move(pass)),
        timers_(frontend.worker_, frontend.context_->limits, AgeFactor(frontend.random_), *this) {}

  const Entrance& entrance() const { return *entrance_; }

  // Another one is in force, and calls keep the one that they began with.
  void ForgetContext() { context_ = nullptr; }

  // Either may be the end of this.
  void Start(std::unique_ptr<net::ByteStream> bytes) {
    if (entrance_->tls == nullptr) return StartHttp2(std::move(bytes));
    tls_ = std::make_unique<tls::Stream>(frontend_.worker_, std::move(bytes), entrance_->tls);
    tls_->Handshake([this](const absl::Status& status) { OnHandshake(status); });
  }
  void Drain() {
    if (connection_ != nullptr) return connection_->Drain();
    EndHandshake(tls::Handshake::kFailed, kShuttingDown);
  }

  void Close() {
    if (connection_ != nullptr) return connection_->Close(kShuttingDown);
    EndHandshake(tls::Handshake::kFailed, kShuttingDown);
  }

 private:
  void OnHandshake(const absl::Status& status) {
    if (!status.ok()) return EndHandshake(tls::Handshake::kFailed, status.message());
    Count(tls_->resumed() ? tls::Handshake::kResumed : tls::Handshake::kFull);
    StartHttp2(std::move(tls_));
  }
  void EndHandshake(tls::Handshake how, absl::string_view why) {
    spdlog::debug("a client connection was closed: {} ({})",
                  fmt::string_view(why.data(), why.size()), peer_);
    Count(how);
    tls_->Close();
    frontend_.Gone(*this);
  }
  void Count(tls::Handshake how) { frontend_.metrics_.tls_handshakes.Add(how); }
  void StartHttp2(std::unique_ptr<net::ByteStream> bytes) {
    connection_ = std::make_shared<http2::Connection>(frontend_.worker_, http2::Side::kServer,
                                                      frontend_.context_->limits->ForSession(),
                                                      std::move(bytes), *this);
    connection_->Start();
  }

  void OnStream(http2::Stream& stream) override {
    timers_.OnStream();
    stream.SetHandler(std::make_shared<Call>(Context(), stream));
  }

  // The one in force, as this client's.
  const std::shared_ptr<const CallContext>& Context() {
    if (context_ != nullptr) return context_;
    struct Owned {
      std::shared_ptr<const CallContext> everybodys;  // what it refers to lives with this
      CallContext its;
    };
    const auto owned = std::make_shared<Owned>(Owned{frontend_.context_, *frontend_.context_});
    owned->its.client = pass_.client();
    owned->its.trust = entrance_->trust;
    owned->its.peer = peer_;
    return context_ = std::shared_ptr<const CallContext>(owned, &owned->its);
  }
  void OnSettings() override { timers_.OnHandshake(); }
  void OnGoAway() override {}
  void OnStreamGone() override { timers_.OnStreamGone(); }
  void OnBound(http2::Bound bound) override {
    frontend_.metrics_.bounds.Add(bound);
    if (http2::IsFlood(bound)) return frontend_.TellOfFlood(bound, peer_);
    spdlog::debug("a client met a bound: {} ({})", std::string(NameOf(bound)), peer_);
  }
  void OnMalformed(absl::string_view why) override {
    frontend_.metrics_.requests_refused.Add(model::Refused::kMalformed);
    spdlog::debug("a request was refused: {} ({})", fmt::string_view(why.data(), why.size()),
                  peer_);
  }
  void OnConnectionClosed(absl::string_view) override { frontend_.Gone(*this); }

  void OnTimeToDrain(http2::Bound bound) override {
    InLine([this, bound] {
      OnBound(bound);
      Drain();
    });
  }
  void OnTimeToClose(http2::Bound bound) override {
    InLine([this, bound] {
      OnBound(bound);
      if (connection_ != nullptr) return connection_->Close(NameOf(bound));
      EndHandshake(tls::Handshake::kTimedOut, "TLS: the handshake takes too long");
    });
  }

  // Those that came together have their time up together.
  template <typename Work>
  void InLine(Work work) {
    if (alive_ == nullptr) alive_ = std::make_shared<char>();
    frontend_.worker_.InLine([work, alive = std::weak_ptr<void>(alive_)] {
      if (!alive.expired()) work();
    });
  }

  Frontend& frontend_;
  const std::string peer_;
  const std::shared_ptr<const Entrance> entrance_;
  const Admission::Pass pass_;
  ClientTimers timers_;
  std::shared_ptr<const CallContext> context_;  // null before the first call under the one in force
  std::unique_ptr<tls::Stream> tls_;            // until the handshake is over
  std::shared_ptr<http2::Connection> connection_;
  std::shared_ptr<void> alive_;  // ends with this; none before somebody asks
};

Frontend::Frontend(net::Worker& worker, DownstreamMetrics& metrics, uint64_t seed)
    : worker_(worker),
      metrics_(metrics),
      random_(static_cast<std::minstd_rand::result_type>(seed)) {}

Frontend::~Frontend() { CloseAll(); }

void Frontend::SetContext(std::shared_ptr<const CallContext> context) {
  context_ = std::move(context);
  for (const auto& [client, owned] : clients_) client->ForgetContext();
}

void Frontend::Serve(net::Listener::Accepted accepted, std::shared_ptr<const Entrance> entrance,
                     Admission::Pass pass) {
  connections_.fetch_add(1, std::memory_order_relaxed);
  worker_.Post([this, accepted, entrance = std::move(entrance), pass = std::move(pass)]() mutable {
    Begin(accepted, std::move(entrance), std::move(pass));
  });
}

void Frontend::Begin(net::Listener::Accepted accepted, std::shared_ptr<const Entrance> entrance,
                     Admission::Pass pass) {
  std::string peer = net::PeerOf(accepted.fd);
  auto owned =
      std::make_unique<Client>(*this, std::move(peer), std::move(entrance), std::move(pass));
  Client& client = *owned;
  clients_.emplace(&client, std::move(owned));
  metrics_.connections_accepted.Add();
  metrics_.connections.Add(1);
  client.Start(
      net::MakeSocketStream(worker_, net::Socket(accepted.fd), Patience(*context_->limits)));
  if (draining_ && clients_.contains(&client)) client.Drain();  // it may have gone already
}

void Frontend::Drain() {
  draining_ = true;
  for (Client* client : Clients()) client->Drain();
}

void Frontend::DrainDoor(uint64_t door) {
  for (Client* client : Clients()) {
    if (client->entrance().door == door) client->Drain();
  }
}

void Frontend::CloseAll() {
  for (Client* client : Clients()) client->Close();
}

// Each may go while it is told something, and nobody else then.
std::vector<Frontend::Client*> Frontend::Clients() const {
  std::vector<Client*> clients;
  for (const auto& [client, owned] : clients_) clients.push_back(client);
  return clients;
}

void Frontend::TellOfFlood(http2::Bound bound, const std::string& peer) {
  const uint64_t times = flood_lines_.Take(worker_.Now());
  if (times == 0) return;
  spdlog::warn("a client connection was ended: {} ({}{})", std::string(NameOf(bound)), peer,
               times == 1 ? "" : absl::StrCat("; and ", times - 1, " before it"));
}

void Frontend::Gone(Client& client) {
  metrics_.connections.Add(-1);
  connections_.fetch_sub(1, std::memory_order_relaxed);
  clients_.erase(&client);
}

}  // namespace singleflight::proxy
