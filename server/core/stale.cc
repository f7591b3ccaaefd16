#include "server/core/stale.h"

#include "server/core/route_options.h"

namespace singleflight::core {
namespace {

constexpr StatusSet kTolerated{wire::StatusCode::kUnavailable, wire::StatusCode::kDeadlineExceeded,
                               wire::StatusCode::kInternal, wire::StatusCode::kUnknown};

// Callers make statuses of these that are answers: UNAUTHENTICATED, PERMISSION_DENIED,
// UNIMPLEMENTED (gRPC, "HTTP to gRPC Status Code Mapping").
bool IsAnswer(absl::string_view http_status) {
  return http_status == "401" || http_status == "403" || http_status == "404";
}

}  // namespace

bool ToleratesFailure(const UpstreamFailure& failure) {
  switch (failure.kind) {
    case UpstreamFailure::Kind::kNotStarted:
    case UpstreamFailure::Kind::kLost:
    case UpstreamFailure::Kind::kReset:
    case UpstreamFailure::Kind::kUnreachable:
      return true;
    case UpstreamFailure::Kind::kRefused:
    case UpstreamFailure::Kind::kNoRoom:
      return kTolerated.has(failure.status);
    case UpstreamFailure::Kind::kCallersOwn:
      return false;
  }
  return false;
}

bool ToleratesFailure(const model::Reply& reply) {
  if (const absl::optional<wire::StatusCode> status = reply.status())
    return kTolerated.has(*status);
  return !IsAnswer(reply.initial.Find(":status").value_or(""));
}

}  // namespace singleflight::core
