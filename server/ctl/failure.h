// Why a run failed, for people and for scripts. A failure is a status whose code says how the
// process ends and whose message says what to do:
//   kInvalidArgument   2, wrong usage
//   kUnavailable       3, the proxy cannot be reached
//   kPermissionDenied  4, no right to do this
//   any other          1, the proxy refused, or it failed

#ifndef SINGLEFLIGHT_SERVER_CTL_FAILURE_H_
#define SINGLEFLIGHT_SERVER_CTL_FAILURE_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "server/ctl/place.h"

namespace singleflight::ctl {

int ExitStatus(const absl::Status& status);

// What the end of a call to `place` means.
absl::Status FromGrpc(const grpc::Status& status, const Place& place);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_FAILURE_H_
