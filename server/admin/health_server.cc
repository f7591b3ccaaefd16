// The health port, and why it answers when nothing else does.
//
// A probe that gets no answer means that the process is killed. So two things must not keep a probe
// out: other connections to this port, and a process that has used up its descriptors.
//
//   guests   Each connection is a Guest. At kMaxConnections a newcomer takes the place of another:
//            first of one that has not asked, since a probe asks as soon as it is connected, and
//            among these of a stranger (guests.cc). A newcomer itself is never turned away.
//   spares   Some descriptors are held open on /dev/null. If accept finds none free, one of them is
//            closed for the newcomer; they are restocked when a connection ends. If all are spent,
//            a guest gives way. If there is no guest, accept is tried again soon, and
//            connections go on waiting in the kernel's queue.
//
// Each connection is one Exchange: one request, one response, and kPatience for each of the two.
// The callbacks that it waits for own it. All of it runs on the thread of `io`, and nothing there
// waits, so a slow client costs a connection and no time.

#include "server/admin/health_server.h"

#include <spdlog/spdlog.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/admin/guests.h"
#include "server/admin/spare_descriptors.h"
#include "server/metrics/by_reason.h"
#include "server/net/address.h"

namespace singleflight::admin {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr size_t kMaxConnections = 64;
constexpr size_t kMaxRequestBytes = 8 << 10;
constexpr size_t kSpareDescriptors = 4;
constexpr std::chrono::seconds kPatience(5);

// Why a connection ended without an answer.
enum class Refusal : uint8_t {
  kConnections,  // it gave way to a newcomer
  kDescriptors,  // it gave way, or could not be accepted, since no descriptor was free
  kTimeout,      // it did not ask, or did not read the answer, in time
  kMalformed,    // it got status 400
};

constexpr absl::string_view NameOf(Refusal why) {
  switch (why) {
    case Refusal::kConnections:
      return "connections";
    case Refusal::kDescriptors:
      return "descriptors";
    case Refusal::kTimeout:
      return "timeout";
    case Refusal::kMalformed:
      return "malformed";
  }
  return "";
}

struct Shared {
  void Refuse(Refusal why) {
    refused.Add(why);
    spdlog::debug("a connection to the health port was refused: {}", std::string(NameOf(why)));
  }

  HealthPages pages;
  Guests guests;
  SpareDescriptors spares{kSpareDescriptors};
  metrics::CountersBy<Refusal> refused;
};

// The path of a target in origin-form, or in the absolute-form that proxies get (RFC 9112 §3.2).
beast::string_view Path(beast::string_view target) {
  target = target.substr(0, target.find('?'));
  const size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == beast::string_view::npos) return target;
  const size_t path = target.find('/', scheme + 3);
  return path == beast::string_view::npos ? "/" : target.substr(path);
}

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

http::response<http::string_body> NotUnderstood(const beast::error_code& why) {
  http::response<http::string_body> response(http::status::bad_request, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.body() = absl::StrCat(why.message(), "\n");
  response.keep_alive(false);
  response.prepare_payload();
  return response;
}

// One connection: one request, one response. Owned by the callbacks that it waits for.
class Exchange final : public Guest, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(tcp::socket socket, const asio::ip::address& from, std::shared_ptr<Shared> shared)
      : Guest(from), stream_(std::move(socket)), shared_(std::move(shared)) {
    shared_->guests.Enter(*this);
  }
  ~Exchange() {
    shared_->guests.Leave(*this);
    stream_.close();
    shared_->spares.Restock();
  }

  void Run() {
    parser_.header_limit(kMaxRequestBytes);
    stream_.expires_after(kPatience);
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](const beast::error_code& error, size_t) {
                              self->OnRequest(error);
                            });
  }

  void GiveWay() override { stream_.close(); }

 private:
  void OnRequest(const beast::error_code& error) {
    if (error == beast::error::timeout) return shared_->Refuse(Refusal::kTimeout);
    if (!error) return Reply(Answer(shared_->pages, parser_.get()));
    if (error == http::error::end_of_stream || !IsOfHttp(error)) return;  // it has gone
    shared_->Refuse(Refusal::kMalformed);
    Reply(NotUnderstood(error));
  }

  static bool IsOfHttp(const beast::error_code& error) {
    return error.category() == http::make_error_code(http::error::bad_method).category();
  }

  void Reply(http::response<http::string_body> response) {
    shared_->guests.Asks(*this);
    response_ = std::move(response);
    stream_.expires_after(kPatience);
    http::async_write(stream_, response_,
                      [self = shared_from_this()](beast::error_code error, size_t) {
                        if (error == beast::error::timeout)
                          self->shared_->Refuse(Refusal::kTimeout);
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

  void Show(metrics::Visitor& visitor) const override {
    shared_->refused.Show("singleflight_health_connections_refused_total",
                          "Connections to the health port that got no page.", {}, visitor);
  }

 private:
  void Accept() {
    acceptor_.async_accept(peer_, [this](const beast::error_code& error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) return OnFailure(error);
      Welcome(std::move(socket));
      Accept();
    });
  }

  void Welcome(tcp::socket socket) {
    if (shared_->guests.size() >= kMaxConnections) {
      shared_->Refuse(Refusal::kConnections);
      shared_->guests.MakeRoom();
    }
    std::make_shared<Exchange>(std::move(socket), peer_.address(), shared_)->Run();
  }

  // No descriptor is free: spends a spare one, or has a guest give way.
  void OnFailure(const beast::error_code& error) {
    if (error != asio::error::no_descriptors &&
        error != boost::system::errc::too_many_files_open_in_system) {
      return AcceptLater();
    }
    if (shared_->spares.Spend()) return Accept();
    shared_->Refuse(Refusal::kDescriptors);
    if (shared_->guests.MakeRoom()) return Accept();
    AcceptLater();
  }

  // Trying again immediately would only spin.
  void AcceptLater() {
    pause_.expires_after(std::chrono::milliseconds(100));
    pause_.async_wait([this](const beast::error_code& error) {
      if (!error) Accept();
    });
  }

  tcp::acceptor acceptor_;
  tcp::endpoint peer_;  // of the latest that was accepted
  asio::steady_timer pause_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

absl::Status Failure(const HealthOptions& options, const boost::system::error_code& error) {
  return absl::UnavailableError(absl::StrCat(options.where, ": cannot listen on ", options.address,
                                             ": ", error.message(),
                                             net::CureOf(error.value(), options.address)));
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
