// The admin service: each call asks Steering, an order asks Rights before.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_GRPC_SERVICE_H_
#define SINGLEFLIGHT_SERVER_ADMIN_GRPC_SERVICE_H_

#include <memory>

#include <grpcpp/impl/service_type.h>

#include "server/admin/rights.h"
#include "server/admin/steering.h"
#include "server/admin/watchers.h"

namespace singleflight::admin {

// What it refers to must outlive it.
std::unique_ptr<grpc::Service> MakeAdminService(Steering& steering, Rights& rights,
                                                Watchers& watchers);

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_GRPC_SERVICE_H_
