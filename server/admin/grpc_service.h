// The services of the admin door that are gRPC: the admin service, where each call asks Steering
// and an order asks Rights before; and health checking as gRPC has it (grpc.health.v1, with the
// List of gRFC A90), where "" is the process and other services are upstreams.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_GRPC_SERVICE_H_
#define SINGLEFLIGHT_SERVER_ADMIN_GRPC_SERVICE_H_

#include <memory>

#include <grpcpp/impl/service_type.h>

#include "server/admin/rights.h"
#include "server/admin/steering.h"
#include "server/admin/watchers.h"

namespace singleflight::admin {

// What both work with, and what must outlive them.
struct ServiceParts {
  Steering& steering;
  Rights& rights;
  Watchers& watchers;
};

std::unique_ptr<grpc::Service> MakeAdminService(const ServiceParts& parts);
std::unique_ptr<grpc::Service> MakeHealthService(const ServiceParts& parts);

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_GRPC_SERVICE_H_
