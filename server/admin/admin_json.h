// Messages, queries and errors as JSON, for the admin pages.
//
// Threads: any.

#ifndef SINGLEFLIGHT_SERVER_ADMIN_ADMIN_JSON_H_
#define SINGLEFLIGHT_SERVER_ADMIN_ADMIN_JSON_H_

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/admin/http_exchange.h"

namespace singleflight::admin {

// The canonical form, and in it every field that holds its default too.
std::string JsonOf(const google::protobuf::Message& message);

// INVALID_ARGUMENT: `json` is none, or names a field that the message has not. An empty text is an
// empty message.
absl::Status ReadJson(absl::string_view json, google::protobuf::Message* message);

// "by=BY_CALLS&limit=5" as the JSON of a message with these fields.
absl::StatusOr<std::string> QueryAsJson(absl::string_view query);

HttpResponse JsonResponse(const google::protobuf::Message& message);

// {"code": …, "message": …} under the HTTP status that is nearest.
HttpResponse ErrorResponse(const absl::Status& error);
HttpResponse ErrorResponse(unsigned status, const absl::Status& error);

}  // namespace singleflight::admin

#endif  // SINGLEFLIGHT_SERVER_ADMIN_ADMIN_JSON_H_
