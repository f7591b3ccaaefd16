// GET /livez, /readyz, /status and /metrics over HTTP/1.1: for probes and scrapers. It changes
// nothing and may listen on any address. Nobody can keep a probe out (http_server.cc tells how).
//
// Threads: the one of `io`. Destroy it when `io` has stopped.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_HEALTH_SERVER_H_
#define SINGLEFLIGHT_SERVER_ADMIN_HEALTH_SERVER_H_

#include <utility>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/admin/health_options.h"
#include "server/admin/http_server.h"
#include "server/metrics/visitor.h"

namespace singleflight::admin {

// What the pages say. Called on the server's thread.
struct HealthPages {
  absl::AnyInvocable<bool()> ready;           // whether new calls are welcome
  absl::AnyInvocable<std::string()> stuck;    // which part does not go on; empty: all do
  absl::AnyInvocable<std::string()> metrics;  // Prometheus text
  absl::AnyInvocable<std::string()> status;   // what runs, and since when; for people
};

// What a response with Prometheus text is.
inline constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

class HealthServer {
 public:
  static absl::StatusOr<std::unique_ptr<HealthServer>> Open(boost::asio::io_context& io,
                                                            const HealthOptions& options,
                                                            HealthPages pages);

  void Show(metrics::Visitor& visitor) const;

  // As bound, with the port that was chosen.
  std::string address() const { return server_->address(); }

 private:
  explicit HealthServer(std::unique_ptr<HttpServer> server) : server_(std::move(server)) {}

  const std::unique_ptr<HttpServer> server_;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_HEALTH_SERVER_H_
