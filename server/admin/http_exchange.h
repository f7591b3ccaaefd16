// One HTTP request that waits for its response, as handlers see it (http_server.h).
//
// A handler gets a shared pointer to it. Whoever holds one may answer, immediately or later, once:
// by a response, or by a stream of events that lasts until either side ends it. When nobody holds
// one any more and nothing was answered, the connection ends.
//
// Threads: the server's.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_HTTP_EXCHANGE_H_
#define SINGLEFLIGHT_SERVER_ADMIN_HTTP_EXCHANGE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace singleflight::admin {

struct HttpRequest {
  std::string peer;  // whose it is, for the log
  std::string method;
  std::string path;   // of the target, without the query
  std::string query;  // behind the question mark
  std::string host;   // the field Host
  std::string origin;
  std::string authorization;
  std::string body;        // empty where bodies are not read
  bool too_large = false;  // the body is larger than the server takes, and is not here
};

struct HttpResponse {
  unsigned status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> fields = {};  // besides
};

class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  virtual const HttpRequest& request() const = 0;

  virtual void Reply(HttpResponse response) = 0;

  // Begins a response of server-sent events (text/event-stream). No deadline is on it but those of
  // its parts: each has to be taken within the server's patience.
  using Fields = std::vector<std::pair<std::string, std::string>>;
  virtual void BeginEvents(const Fields& fields) = 0;

  // Sends a part of the stream. Nothing is queued: while the part before is on its way, this one is
  // left out.
  virtual void SendEvent(std::shared_ptr<const std::string> text) = 0;

  // Whether the stream goes on.
  virtual bool open() const = 0;
};

using HttpHandler = std::function<void(std::shared_ptr<HttpExchange>)>;

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_HTTP_EXCHANGE_H_
