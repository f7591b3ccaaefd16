// The threads of the admin pages: one for connections, two that ask and wait.

#include "server/admin/admin_http.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <thread>
#include <utility>

#include "server/admin/admin_certificates.h"
#include "server/admin/http_server.h"
#include "server/base/signals_held.h"

namespace singleflight::admin {
namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kInterval(1);
constexpr std::chrono::seconds kBetweenLooks(10);  // at the files of certificates
constexpr size_t kAskingThreads = 2;

class Server final : public AdminHttp {
 public:
  Server() : tick_(io_), look_(io_), asking_(kAskingThreads) {}

  // What is asked ends first: its answers go to connections that are still there.
  ~Server() override {
    asking_.join();
    io_.stop();
    if (thread_.joinable()) thread_.join();
    watching_.clear();
  }

  absl::Status Begin(const Options& options, Steering& steering, Rights& rights, AdminTexts texts) {
    absl::StatusOr<std::shared_ptr<AdminCertificates>> certificates =
        AdminCertificates::Read(options.tls, rights);
    if (!certificates.ok()) return certificates.status();
    certificates_ = *std::move(certificates);
    absl::StatusOr<std::unique_ptr<HttpServer>> server = HttpServer::Open(
        io_, {options.address, options.where, "admin address", true, certificates_},
        [this](std::shared_ptr<HttpExchange> exchange) { Serve(std::move(exchange)); });
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    pages_ = std::make_unique<AdminPages>(
        steering, rights, OwnHosts(server_->address(), options.allowed_hosts), std::move(texts));
    if (certificates_ != nullptr) LookAtCertificates();
    const base::SignalsHeld quiet;
    thread_ = std::thread([this] { io_.run(); });
    return absl::OkStatus();
  }

  std::string address() const override { return server_->address(); }

  void Show(metrics::Visitor& visitor) const override {
    server_->refused().Show("singleflight_admin_refused_total",
                            "Requests that were refused at the admin addresses, by reason.",
                            {{"door", "http"}}, visitor);
  }

 private:
  using Exchange = std::shared_ptr<HttpExchange>;

  void Serve(Exchange exchange) {
    const HttpRequest& request = exchange->request();
    if (request.method == "GET" && request.path == "/api/stream") return Watch(exchange);
    asio::post(asking_, [this, exchange = std::move(exchange)]() mutable {
      HttpResponse response = pages_->Answer(exchange->request());
      asio::post(io_, [exchange = std::move(exchange), response = std::move(response)]() mutable {
        exchange->Reply(std::move(response));
      });
    });
  }

  void Watch(const Exchange& exchange) {
    if (absl::optional<HttpResponse> turned = pages_->Turned(exchange->request())) {
      return exchange->Reply(*std::move(turned));
    }
    ForgetWhoHasLeft();
    if (watching_.size() >= kMaxWatchers) return exchange->Reply(pages_->TooManyWatch());
    exchange->BeginEvents({{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
    watching_.push_back(exchange);
    if (watching_.size() == 1) Tick();
  }

  void ForgetWhoHasLeft() {
    std::erase_if(watching_, [](const Exchange& exchange) { return !exchange->open(); });
  }

  void LookAtCertificates() {
    look_.expires_after(kBetweenLooks);
    look_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      certificates_->Look();
      LookAtCertificates();
    });
  }

  // One question at a time, and then a pause.
  void Tick() {
    ForgetWhoHasLeft();
    if (watching_.empty()) return;
    asio::post(asking_, [this] {
      auto event = std::make_shared<const std::string>(pages_->StatsEvent());
      asio::post(io_, [this, event = std::move(event)] { Tell(event); });
    });
  }

  void Tell(const std::shared_ptr<const std::string>& event) {
    for (const Exchange& exchange : watching_) {
      if (!event->empty()) exchange->SendEvent(event);
    }
    tick_.expires_after(kInterval);
    tick_.async_wait([this](const boost::system::error_code& error) {
      if (!error) Tick();
    });
  }

  asio::io_context io_{1};
  std::vector<Exchange> watching_;
  asio::steady_timer tick_;
  asio::steady_timer look_;
  std::shared_ptr<AdminCertificates> certificates_;  // null: plaintext
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<AdminPages> pages_;
  asio::thread_pool asking_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminHttp>> AdminHttp::Open(const Options& options,
                                                           Steering& steering, Rights& rights,
                                                           AdminTexts texts) {
  auto server = std::make_unique<Server>();
  const absl::Status status = server->Begin(options, steering, rights, std::move(texts));
  if (!status.ok()) return status;
  return server;
}

}  // namespace singleflight::admin
