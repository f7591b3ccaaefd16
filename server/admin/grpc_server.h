// The gRPC door to Steering: the service of proto/singleflight/admin/v1/admin.proto, health
// checking (grpc.health.v1) and server reflection, on threads of its own.
//
// Until the first connection comes it is a listening socket and a thread that sleeps, so that an
// admin address costs a process nothing that nobody steers.
//
// Bounds: connections; threads, and with them calls; watchers; calls on a connection; the size of
// requests. Connections that say nothing, and idle ones, are closed.
//
// Threads: Open and the destructor on one; its own threads call Steering and Rights.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_GRPC_SERVER_H_
#define SINGLEFLIGHT_SERVER_ADMIN_GRPC_SERVER_H_

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/admin/admin_options.h"
#include "server/admin/rights.h"
#include "server/admin/steering.h"

namespace singleflight::admin {

class GrpcServer {
 public:
  // For the handshake of TLS and the client's first frame, together.
  static constexpr std::chrono::milliseconds kPatience{5000};

  // Listens on `options.grpc`. `steering` and `rights` must outlive the server.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Open(
      const AdminOptions& options, Steering& steering, Rights& rights,
      std::chrono::milliseconds patience = kPatience);

  // Ends every call that is under way. Does not return while one of them is in Steering.
  virtual ~GrpcServer() = default;

  // As bound, with the port that was chosen.
  virtual std::string address() const = 0;
};

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_GRPC_SERVER_H_
