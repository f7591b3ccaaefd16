#include "server/cache/privacy.h"

#include "server/cache/cache_control.h"

namespace singleflight::cache {
namespace {

bool IsAboutTheCaller(wire::StatusCode status) {
  return status == wire::StatusCode::kUnauthenticated ||
         status == wire::StatusCode::kPermissionDenied ||
         status == wire::StatusCode::kResourceExhausted;
}

// HTTP statuses from which a caller makes UNAUTHENTICATED and PERMISSION_DENIED.
bool IsAboutTheCaller(absl::string_view http_status) {
  return http_status == "401" || http_status == "403";
}

// A client that gets several statuses may believe any of them.
bool SaysPrivate(const model::Field& field) {
  if (field.name == "set-cookie") return true;
  if (field.name != "grpc-status") return false;
  const absl::optional<wire::StatusCode> status = wire::ParseStatus(field.value);
  return !status.has_value() || IsAboutTheCaller(*status);
}

}  // namespace

bool MayBePrivate(const model::Reply& reply) {
  if (IsAboutTheCaller(reply.initial.Find(":status").value_or(""))) return true;
  for (const model::HeadersView block : {reply.initial, reply.trailing}) {
    for (const model::Field field : block) {
      if (SaysPrivate(field)) return true;
    }
  }
  const CacheControl said = ParseCacheControl(reply.initial, reply.trailing);
  return said.is_private || said.malformed;
}

}  // namespace singleflight::cache
