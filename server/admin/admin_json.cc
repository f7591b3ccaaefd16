// JSON as protobuf writes it, and HTTP statuses beside those of gRPC.

#include "server/admin/admin_json.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace singleflight::admin {
namespace {

constexpr char kJsonType[] = "application/json";

unsigned HttpStatusOf(absl::StatusCode code) {
  using Code = absl::StatusCode;
  if (code == Code::kInvalidArgument || code == Code::kOutOfRange) return 400;
  if (code == Code::kUnauthenticated) return 401;
  if (code == Code::kPermissionDenied) return 403;
  if (code == Code::kNotFound) return 404;
  if (code == Code::kFailedPrecondition || code == Code::kAborted) return 409;
  if (code == Code::kResourceExhausted) return 429;
  if (code == Code::kUnimplemented) return 501;
  if (code == Code::kUnavailable) return 503;
  if (code == Code::kDeadlineExceeded) return 504;
  return 500;
}

// Percent-encoding, and + for a space. Nothing: a percent sign leads nowhere.
absl::StatusOr<std::string> Decoded(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    if (i + 2 >= text.size() || !absl::ascii_isxdigit(text[i + 1]) ||
        !absl::ascii_isxdigit(text[i + 2])) {
      return absl::InvalidArgumentError("the query has a % that is no percent-encoding");
    }
    out += absl::HexStringToBytes(text.substr(i + 1, 2));
    i += 2;
  }
  return out;
}

std::string Quoted(absl::string_view text) {
  google::protobuf::Value value;
  value.set_string_value(std::string(text));
  return JsonOf(value);
}

}  // namespace

std::string JsonOf(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  // What is no UTF-8 has no JSON.
  if (!MessageToJsonString(message, &json, options).ok()) return "{}";
  return json;
}

absl::Status ReadJson(absl::string_view json, google::protobuf::Message* message) {
  if (absl::StripAsciiWhitespace(json).empty()) return absl::OkStatus();
  const auto status =
      google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, message);
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("is not the JSON of ", message->GetDescriptor()->full_name(), ": ",
                   absl::string_view(status.message().data(), status.message().size())));
}

absl::StatusOr<std::string> QueryAsJson(absl::string_view query) {
  google::protobuf::Struct fields;
  for (const absl::string_view pair : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    const absl::StatusOr<std::string> name = Decoded(parts.first);
    const absl::StatusOr<std::string> value = Decoded(parts.second);
    if (!name.ok()) return name.status();
    if (!value.ok()) return value.status();
    (*fields.mutable_fields())[*name].set_string_value(*value);
  }
  return JsonOf(fields);
}

HttpResponse JsonResponse(const google::protobuf::Message& message) {
  return {200, JsonOf(message), kJsonType};
}

HttpResponse ErrorResponse(const absl::Status& error) {
  return ErrorResponse(HttpStatusOf(error.code()), error);
}

HttpResponse ErrorResponse(unsigned status, const absl::Status& error) {
  const std::string body =
      absl::StrCat("{\"code\":", Quoted(absl::StatusCodeToString(error.code())),
                   ",\"message\":", Quoted(error.message()), "}");
  HttpResponse response = {status, body, kJsonType};
  if (status == 401) response.fields.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace singleflight::admin
