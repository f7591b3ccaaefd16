// A small HTTP/1.1 server, for the health pages and the admin pages: one request and one response a
// connection, over TLS where it is told so. It has at most 64 connections at a time. Each has 5 s
// for the handshake of TLS, 5 s to ask and 5 s to read (Options::patience). It answers a newcomer
// even if it is full or the process has no descriptors left (http_server.cc tells how).
//
// Threads: the one of `io`. Destroy it when `io` has stopped.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_HTTP_SERVER_H_
#define SINGLEFLIGHT_SERVER_ADMIN_HTTP_SERVER_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/admin/http_exchange.h"
#include "server/metrics/by_reason.h"
#include "server/tls/context.h"

namespace singleflight::admin {

// Why a connection ended without what it asked for.
enum class HttpRefusal : uint8_t {
  kConnections,  // it gave way to a newcomer
  kDescriptors,  // it gave way, or could not be accepted, since no descriptor was free
  kTimeout,      // it did not ask, or did not read the answer, in time
  kMalformed,    // it got status 400
};

constexpr absl::string_view NameOf(HttpRefusal why) {
  switch (why) {
    case HttpRefusal::kConnections:
      return "connections";
    case HttpRefusal::kDescriptors:
      return "descriptors";
    case HttpRefusal::kTimeout:
      return "timeout";
    case HttpRefusal::kMalformed:
      return "malformed";
  }
  return "";
}

// What a server needs that speaks TLS. Called on its thread.
class HttpTls {
 public:
  virtual ~HttpTls() = default;

  // Of the next connection.
  virtual const tls::SharedContext& context() const = 0;

  // A handshake has failed.
  virtual void Refused() = 0;
};

class HttpServer {
 public:
  struct Options {
    std::string address;  // ip:port, localhost:port, [v6]:port or unix:/path; port 0: a free one
    std::string where;    // it stands there, for messages
    std::string name;     // "health port", for the log
    bool reads_bodies = false;
    std::shared_ptr<HttpTls> tls = nullptr;                        // null: plaintext
    std::chrono::milliseconds patience = std::chrono::seconds(5);  // with one step of a client
  };
  using Refused = metrics::CountersBy<HttpRefusal>;

  // Of a request's body, where bodies are read.
  static constexpr size_t kMaxBodyBytes = 16u << 10;

  static absl::StatusOr<std::unique_ptr<HttpServer>> Open(boost::asio::io_context& io,
                                                          const Options& options,
                                                          HttpHandler handler);
  virtual ~HttpServer() = default;

  virtual const Refused& refused() const = 0;

  // As bound, with the port that was chosen.
  virtual std::string address() const = 0;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_HTTP_SERVER_H_
