// Our statuses as gRPC C++ has them. The codes are the same numbers.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_GRPC_STATUS_H_
#define SINGLEFLIGHT_SERVER_ADMIN_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/admin/rights.h"

namespace singleflight::admin {

inline grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()),
                      std::string(status.message()));
}

inline grpc::Status RefuseWatcher(Rights& rights, absl::string_view call) {
  rights.Refused(Door::kGrpc, Refusal::kWatchers);
  return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                      absl::StrCat(call, ": too many watch already"));
}

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_GRPC_STATUS_H_
