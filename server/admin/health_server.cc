#include "server/admin/health_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "server/net/address.h"

namespace singleflight::admin {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr size_t kMaxConnections = 64;
constexpr size_t kMaxRequestBytes = 8 << 10;
constexpr std::chrono::seconds kPatience(5);

struct Shared {
  HealthPages pages;
  size_t connections = 0;
};

beast::string_view Path(beast::string_view target) { return target.substr(0, target.find('?')); }

http::response<http::string_body> Answer(HealthPages& pages,
                                         const http::request<http::empty_body>& request) {
  http::response<http::string_body> response(http::status::ok, request.version());
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  const beast::string_view path = Path(request.target());
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD");
  } else if (path == "/livez") {
    response.body() = "ok\n";
  } else if (path == "/readyz") {
    const bool ready = pages.ready();
    response.result(ready ? http::status::ok : http::status::service_unavailable);
    response.body() = ready ? "ok\n" : "draining\n";
  } else if (path == "/status") {
    response.body() = pages.status();
  } else if (path == "/metrics") {
    response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    response.body() = pages.metrics();
  } else {
    response.result(http::status::not_found);
    response.body() = "there are /livez, /readyz, /status and /metrics\n";
  }
  response.keep_alive(false);
  response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

// One connection: one request, one response. Owned by the callbacks that it waits for.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(tcp::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    ++shared_->connections;
  }
  ~Exchange() { --shared_->connections; }

  void Run() {
    parser_.header_limit(kMaxRequestBytes);
    stream_.expires_after(kPatience);
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](const beast::error_code& error, size_t) {
                              if (!error) self->Reply();
                            });
  }

 private:
  void Reply() {
    response_ = Answer(shared_->pages, parser_.get());
    stream_.expires_after(kPatience);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code error, size_t) {
                        self->stream_.socket().shutdown(tcp::socket::shutdown_send, error);
                      });
  }

  beast::tcp_stream stream_;
  const std::shared_ptr<Shared> shared_;
  beast::flat_buffer buffer_{kMaxRequestBytes};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

class Server final : public HealthServer {
 public:
  Server(tcp::acceptor acceptor, HealthPages pages)
      : acceptor_(std::move(acceptor)), pause_(acceptor_.get_executor()) {
    shared_->pages = std::move(pages);
    Accept();
  }

  std::string address() const override {
    boost::system::error_code ignored;
    return net::ToString(net::Endpoint(acceptor_.local_endpoint(ignored)));
  }

 private:
  void Accept() {
    acceptor_.async_accept([this](const beast::error_code& error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) return AcceptLater();
      if (shared_->connections < kMaxConnections) {
        std::make_shared<Exchange>(std::move(socket), shared_)->Run();
      }
      Accept();
    });
  }

  // Out of descriptors, say: at once would only spin.
  void AcceptLater() {
    pause_.expires_after(std::chrono::milliseconds(100));
    pause_.async_wait([this](const beast::error_code& error) {
      if (!error) Accept();
    });
  }

  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

absl::Status Failure(const HealthOptions& options, const boost::system::error_code& error) {
  return absl::UnavailableError(
      absl::StrCat("health.address: cannot listen on ", options.address, ": ", error.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<HealthServer>> HealthServer::Open(asio::io_context& io,
                                                                 const HealthOptions& options,
                                                                 HealthPages pages) {
  absl::StatusOr<net::Endpoint> parsed = net::ParseAddress(options.address);
  if (!parsed.ok()) return parsed.status();
  tcp::endpoint endpoint;
  endpoint.resize(parsed->size());
  std::memcpy(endpoint.data(), parsed->data(), parsed->size());
  boost::system::error_code error;
  tcp::acceptor acceptor(io);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) return Failure(options, error);
  return std::make_unique<Server>(std::move(acceptor), std::move(pages));
}

}  // namespace singleflight::admin
