#include "server/proxy/frontend.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "server/proxy/client_timers.h"

namespace singleflight::proxy {
namespace {

// So that connections that were made at once do not end at once.
double AgeFactor(std::minstd_rand& random) {
  return std::uniform_real_distribution<double>(0.9, 1.1)(random);
}

}  // namespace

// One client connection.
class Frontend::Client final : public http2::ConnectionListener, public ClientTimersListener {
 public:
  Client(Frontend& frontend, std::shared_ptr<const Entrance> entrance, Admission::Pass pass,
         net::Socket socket)
      : frontend_(frontend),
        entrance_(std::move(entrance)),
        pass_(std::move(pass)),
        timers_(frontend.worker_, frontend.context_.limits, AgeFactor(frontend.random_), *this),
        connection_(std::make_shared<http2::Connection>(
            frontend.worker_, http2::Side::kServer, frontend.context_.limits->ForSession(),
            net::MakeSocketStream(frontend.worker_, std::move(socket)), *this)) {}

  http2::Connection& connection() { return *connection_; }

 private:
  void OnStream(http2::Stream& stream) override {
    timers_.OnStream();
    stream.SetHandler(std::make_shared<Call>(frontend_.context_, entrance_->trust, stream));
  }
  void OnSettings() override { timers_.OnHandshake(); }
  void OnGoAway() override {}
  void OnStreamGone() override { timers_.OnStreamGone(); }
  void OnBound(metrics::Bound bound) override {
    frontend_.metrics_.bounds.Count(bound);
    if (bound <= metrics::Bound::kContinuations) {
      spdlog::warn("a client connection was ended: {}", std::string(metrics::NameOf(bound)));
    }
  }
  void OnConnectionClosed(absl::string_view) override { frontend_.Gone(*this); }

  void OnTimeToDrain(metrics::Bound bound) override {
    OnBound(bound);
    connection_->Drain();
  }
  void OnTimeToClose(metrics::Bound bound) override {
    OnBound(bound);
    connection_->Close(metrics::NameOf(bound));
  }

  Frontend& frontend_;
  const std::shared_ptr<const Entrance> entrance_;
  const Admission::Pass pass_;
  ClientTimers timers_;
  const std::shared_ptr<http2::Connection> connection_;
};

Frontend::Frontend(net::Worker& worker, CallContext context, metrics::DownstreamMetrics& metrics,
                   uint64_t seed)
    : worker_(worker),
      context_(std::move(context)),
      metrics_(metrics),
      random_(static_cast<std::minstd_rand::result_type>(seed)) {}

Frontend::~Frontend() { CloseAll(); }

void Frontend::Serve(net::Listener::Accepted accepted, std::shared_ptr<const Entrance> entrance,
                     Admission::Pass pass) {
  absl::StatusOr<net::Socket> socket = net::Assign(worker_, accepted);
  if (!socket.ok()) {
    load_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  auto client =
      std::make_unique<Client>(*this, std::move(entrance), std::move(pass), *std::move(socket));
  http2::Connection& connection = client->connection();
  clients_.emplace(client.get(), std::move(client));
  metrics_.connections_accepted.Add();
  metrics_.connections.Add(1);
  connection.Start();
  if (draining_) connection.Drain();
}

void Frontend::Drain() {
  draining_ = true;
  for (const auto& [at, client] : clients_) client->connection().Drain();
}

void Frontend::CloseAll() {
  std::vector<std::shared_ptr<http2::Connection>> connections;
  for (const auto& [at, client] : clients_) {
    connections.push_back(client->connection().shared_from_this());
  }
  for (const auto& connection : connections) connection->Close("the proxy is shutting down");
}

void Frontend::Gone(Client& client) {
  metrics_.connections.Add(-1);
  load_.fetch_sub(1, std::memory_order_relaxed);
  clients_.erase(&client);
}

}  // namespace singleflight::proxy
