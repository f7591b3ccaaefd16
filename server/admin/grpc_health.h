// Health checking as gRPC has it (grpc.health.v1, with the List of gRFC A90): "" is the process,
// other services are upstreams.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_GRPC_HEALTH_H_
#define SINGLEFLIGHT_SERVER_ADMIN_GRPC_HEALTH_H_

#include <memory>

#include <grpcpp/impl/service_type.h>

#include "server/admin/rights.h"
#include "server/admin/steering.h"
#include "server/admin/watchers.h"

namespace singleflight::admin {

// What it refers to must outlive it.
std::unique_ptr<grpc::Service> MakeHealthService(Steering& steering, Rights& rights,
                                                 Watchers& watchers);

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_GRPC_HEALTH_H_
