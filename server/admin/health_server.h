// GET /livez, /readyz, /status and /metrics over HTTP/1.1: for probes and scrapers. It changes
// nothing and may listen on any address. It has at most 64 connections at a time, and each has 5 s
// to ask and 5 s to read. It answers a newcomer even if it is full or the process has no
// descriptors left (health_server.cc tells how).
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
#include "server/metrics/visitor.h"

namespace singleflight::admin {

// What the pages say. Called on the server's thread.
struct HealthPages {
  absl::AnyInvocable<bool()> ready;           // whether new calls are welcome
  absl::AnyInvocable<std::string()> metrics;  // Prometheus text
  absl::AnyInvocable<std::string()> status;   // what runs, and since when; for people
};

class HealthServer {
 public:
  static absl::StatusOr<std::unique_ptr<HealthServer>> Open(boost::asio::io_context& io,
                                                            const HealthOptions& options,
                                                            HealthPages pages);
  virtual ~HealthServer() = default;

  virtual void Show(metrics::Visitor& visitor) const = 0;

  // As bound, with the port that was chosen.
  virtual std::string address() const = 0;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_HEALTH_SERVER_H_
