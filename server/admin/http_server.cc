// The small HTTP server, and why it answers when nothing else does.
//
// A probe that gets no answer means that the process is killed. So two things must not keep a probe
// out: other connections to its port, and a process that has used up its descriptors.
//
//   guests   Each connection is a Guest. At kMaxConnections a newcomer takes the place of another:
//            first of one that has not asked, since a probe asks as soon as it is connected, and
//            among these of a stranger (guests.cc). A newcomer itself is never turned away.
//   spares   Some descriptors are held open on /dev/null. If accept finds none free, one of them is
//            closed for the newcomer; they are restocked when a connection ends. If all are spent,
//            a guest gives way. If there is no guest, accept is tried again soon, and
//            connections go on waiting in the kernel's queue.
//
// Each connection is one Connection: one request, one response, and Options::patience for each
// of the two. Its callbacks and its handler own it. All of it runs on the thread of `io`, and
// nothing there waits, so a slow client costs a connection and no time.
//
// A stream of events is a response without an end. One part is on its way at a time, and it too
// has as long; meanwhile others are left out. So a slow reader costs one part.

#include "server/admin/http_server.h"

#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <type_traits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/admin/guests.h"
#include "server/admin/http_socket.h"
#include "server/admin/spare_descriptors.h"
#include "server/net/address.h"

namespace singleflight::admin {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Protocol = asio::generic::stream_protocol;

namespace {

constexpr size_t kMaxConnections = 64;
constexpr size_t kMaxHeadBytes = 8 << 10;
constexpr size_t kMaxUnreadBytes = 1 << 20;  // are read and dropped behind a response
constexpr size_t kSpareDescriptors = 4;

struct Shared {
  void Refuse(HttpRefusal why, const std::string& peer) {
    refused.Add(why);
    spdlog::debug("a connection to the {} was refused: {} ({})", options.name,
                  std::string(NameOf(why)), peer);
  }

  HttpServer::Options options;
  HttpHandler handler;
  Guests guests;
  SpareDescriptors spares{kSpareDescriptors};
  HttpServer::Refused refused;
};

// A target in origin-form, from that or from the absolute-form that proxies get (RFC 9112 §3.2).
beast::string_view OriginForm(beast::string_view target) {
  const size_t scheme = target.substr(0, target.find('?')).find("://");
  if (target.starts_with('/') || scheme == beast::string_view::npos) return target;
  const size_t path = target.find_first_of("/?", scheme + 3);
  return path == beast::string_view::npos ? "/" : target.substr(path);
}

// The only field of that name; of several, nothing that anybody would accept.
std::string Only(const http::fields& fields, http::field name) {
  const auto [first, end] = fields.equal_range(name);
  if (first == end) return "";
  if (std::next(first) != end) return ",";
  return std::string(first->value());
}

HttpRequest Understood(const http::request<http::string_body>& in) {
  HttpRequest out;
  out.method = std::string(in.method_string());
  const std::string target(OriginForm(in.target()));
  const size_t query = target.find('?');
  out.path = target.substr(0, query);
  if (query != std::string::npos) out.query = target.substr(query + 1);
  out.host = Only(in, http::field::host);
  out.origin = Only(in, http::field::origin);
  out.authorization = Only(in, http::field::authorization);
  out.body = in.body();
  return out;
}

bool IsOfHttp(const beast::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category();
}

using Plain = beast::basic_stream<Protocol>;
using Encrypted = beast::ssl_stream<Plain>;

// One connection: one request, one response.
template <typename Stream>
class Connection final : public Guest,
                         public HttpExchange,
                         public std::enable_shared_from_this<Connection<Stream>> {
 public:
  // `for_stream`: what its stream is made of.
  template <typename... ForStream>
  Connection(const asio::ip::address& from, std::shared_ptr<Shared> shared,
             ForStream&&... for_stream)
      : Guest(from),
        stream_(std::forward<ForStream>(for_stream)...),
        peer_(net::PeerOf(Lowest().socket().native_handle())),
        shared_(std::move(shared)) {
    shared_->guests.Enter(*this);
  }
  ~Connection() override {
    shared_->guests.Leave(*this);
    Lowest().close();
    shared_->spares.Restock();
  }

  void Run() {
    Lowest().expires_after(shared_->options.patience);
    if constexpr (std::is_same_v<Stream, Encrypted>) {
      const auto done = [self = Self()](const beast::error_code& error) {
        self->OnHandshake(error);
      };
      stream_.async_handshake(asio::ssl::stream_base::server, done);
    } else {
      Read();
    }
  }

  void Read() {
    parser_.header_limit(kMaxHeadBytes);
    parser_.body_limit(HttpServer::kMaxBodyBytes);
    Lowest().expires_after(shared_->options.patience);
    const auto done = [self = Self()](const beast::error_code& error, size_t) {
      self->OnRequest(error);
    };
    if (shared_->options.reads_bodies) return http::async_read(stream_, buffer_, parser_, done);
    parser_.body_limit(boost::none);
    http::async_read_header(stream_, buffer_, parser_, done);
  }

  void GiveWay() override {
    spdlog::debug("a connection to the {} gave way to a newcomer ({})", shared_->options.name,
                  peer_);
    Close();
  }

  const HttpRequest& request() const override { return request_; }

  void Reply(HttpResponse from) override {
    http::response<http::string_body>& to = response_;
    to.result(from.status);
    to.set(http::field::content_type, from.content_type);
    for (const auto& [name, value] : from.fields) to.set(name, value);
    to.body() = std::move(from.body);
    to.keep_alive(false);
    to.prepare_payload();
    if (request_.method == "HEAD") to.body().clear();
    Lowest().expires_after(shared_->options.patience);
    http::async_write(stream_, to,
                      [self = Self()](beast::error_code error, size_t) { self->OnReplied(error); });
  }

  // The client says nothing more. If something comes nevertheless, it ends the stream, as its
  // leaving does.
  void BeginEvents(const Fields& fields) override {
    open_ = true;
    Lowest().expires_never();
    stream_.async_read_some(asio::buffer(unread_),
                            [self = Self()](const beast::error_code&, size_t) { self->Close(); });
    std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    for (const auto& [name, value] : fields) absl::StrAppend(&head, name, ": ", value, "\r\n");
    SendEvent(std::make_shared<std::string>(absl::StrCat(head, "Connection: close\r\n\r\n")));
  }

  void SendEvent(std::shared_ptr<const std::string> text) override {
    if (!open_ || event_ != nullptr) return;
    event_ = std::move(text);
    Lowest().expires_after(shared_->options.patience);
    asio::async_write(stream_, asio::buffer(*event_),
                      [self = Self()](const beast::error_code& error, size_t) {
                        self->event_ = nullptr;
                        if (!error) return;
                        if (error == beast::error::timeout) self->Refuse(HttpRefusal::kTimeout);
                        self->Close();
                      });
  }

  bool open() const override { return open_; }

 private:
  std::shared_ptr<Connection> Self() { return this->shared_from_this(); }
  Plain& Lowest() { return beast::get_lowest_layer(stream_); }

  // Who just goes is not refused.
  void OnHandshake(const beast::error_code& error) {
    if (!error) return Read();
    if (error == beast::error::timeout) return Refuse(HttpRefusal::kTimeout);
    if (error.category() != asio::error::get_ssl_category()) return;
    shared_->options.tls->Refused();
    spdlog::debug("a connection to the {} was refused: tls: {} ({})", shared_->options.name,
                  error.message(), peer_);
  }

  void OnRequest(const beast::error_code& error) {
    if (error == beast::error::timeout) return Refuse(HttpRefusal::kTimeout);
    if (error && (error == http::error::end_of_stream || !IsOfHttp(error))) return;  // it has gone
    shared_->guests.Asks(*this);
    response_.version(parser_.get().version());
    if (error && error != http::error::body_limit) return ReplyNotUnderstood(error);
    request_ = Understood(parser_.get());
    request_.peer = peer_;
    request_.too_large = error == http::error::body_limit;
    shared_->handler(Self());
  }

  void ReplyNotUnderstood(const beast::error_code& why) {
    Refuse(HttpRefusal::kMalformed);
    response_.version(11);
    Reply({400, absl::StrCat(why.message(), "\n")});
  }

  void OnReplied(beast::error_code error) {
    if (error == beast::error::timeout) Refuse(HttpRefusal::kTimeout);
    if (error) return;
    if constexpr (std::is_same_v<Stream, Encrypted>) {
      stream_.async_shutdown([self = Self()](const beast::error_code&) { self->End(); });
    } else {
      End();
    }
  }

  void End() {
    beast::error_code ignored;
    Lowest().socket().shutdown(Protocol::socket::shutdown_send, ignored);
    if (!parser_.is_done()) DropUnread(0);
  }

  // Closing with something unread would reset the connection, and the response with it.
  void DropUnread(size_t so_far) {
    if (so_far > kMaxUnreadBytes) return;
    Lowest().async_read_some(asio::buffer(unread_),
                             [self = Self(), so_far](const beast::error_code& error, size_t more) {
                               if (!error) self->DropUnread(so_far + more);
                             });
  }

  void Refuse(HttpRefusal why) { shared_->Refuse(why, peer_); }

  void Close() {
    open_ = false;
    Lowest().close();
  }

  Stream stream_;
  const std::string peer_;  // for the log
  const std::shared_ptr<Shared> shared_;
  beast::flat_buffer buffer_{kMaxHeadBytes + HttpServer::kMaxBodyBytes};
  http::request_parser<http::string_body> parser_;
  HttpRequest request_;
  http::response<http::string_body> response_;
  bool open_ = false;                         // a stream of events goes on
  std::shared_ptr<const std::string> event_;  // is on its way
  std::array<char, 4096> unread_;
};

class Server final : public HttpServer {
 public:
  Server(asio::io_context& io, HttpSocket socket, std::shared_ptr<Shared> shared)
      : socket_(std::move(socket)), acceptor_(io), pause_(io), shared_(std::move(shared)) {
    acceptor_.assign(Protocol(socket_.family(), IPPROTO_IP), socket_.Release());
    Accept();
  }

  std::string address() const override { return socket_.address(); }
  const Refused& refused() const override { return shared_->refused; }

 private:
  void Accept() {
    acceptor_.async_accept(peer_, [this](const beast::error_code& error, Protocol::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) return OnFailure(error);
      Welcome(std::move(socket));
      Accept();
    });
  }

  void Welcome(Protocol::socket socket) {
    if (shared_->guests.size() >= kMaxConnections) {
      shared_->refused.Add(HttpRefusal::kConnections);
      shared_->guests.MakeRoom();
    }
    const asio::ip::address from = PeersAddress();
    if (shared_->options.tls == nullptr) {
      return std::make_shared<Connection<Plain>>(from, shared_, std::move(socket))->Run();
    }
    // Asio gives back the reference that it gets here; the stream takes one of its own.
    SSL_CTX* const native = shared_->options.tls->context()->native();
    SSL_CTX_up_ref(native);
    asio::ssl::context context(native);
    std::make_shared<Connection<Encrypted>>(from, shared_, std::move(socket), context)->Run();
  }

  // A Unix socket's peer is on this machine.
  asio::ip::address PeersAddress() const {
    asio::ip::tcp::endpoint peer;
    if (peer_.protocol().family() == AF_UNIX) return asio::ip::address_v4::loopback();
    peer.resize(peer_.size());
    std::memcpy(peer.data(), peer_.data(), peer_.size());
    return peer.address();
  }

  // No descriptor is free: spends a spare one, or has a guest give way.
  void OnFailure(const beast::error_code& error) {
    if (error != asio::error::no_descriptors &&
        error != boost::system::errc::too_many_files_open_in_system) {
      return AcceptLater();
    }
    if (shared_->spares.Spend()) return Accept();
    shared_->refused.Add(HttpRefusal::kDescriptors);
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

  HttpSocket socket_;
  asio::basic_socket_acceptor<Protocol> acceptor_;
  Protocol::endpoint peer_;  // of the latest that was accepted
  asio::steady_timer pause_;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Open(asio::io_context& io,
                                                             const Options& options,
                                                             HttpHandler handler) {
  absl::StatusOr<HttpSocket> socket = HttpSocket::Listen(options.address, options.where);
  if (!socket.ok()) return socket.status();
  auto shared = std::make_shared<Shared>();
  shared->options = options;
  shared->handler = std::move(handler);
  return std::make_unique<Server>(io, *std::move(socket), std::move(shared));
}

}  // namespace singleflight::admin
