// Spans as OTLP. What a caller's span says stands in docs/tracing.md, which a test compares with
// this.

#include "server/otlp/to_otlp.h"

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/wire/status.h"

namespace singleflight::otlp {
namespace {

namespace common = opentelemetry::proto::common::v1;
namespace proto = opentelemetry::proto::trace::v1;

constexpr uint32_t kSampled = 1;  // of traceparent's flags

using Attributes = google::protobuf::RepeatedPtrField<common::KeyValue>;

void Add(Attributes& to, const char* key, absl::string_view text) {
  if (text.empty()) return;
  common::KeyValue& pair = *to.Add();
  pair.set_key(key);
  pair.mutable_value()->set_string_value(std::string(text));
}

void Add(Attributes& to, const char* key, int64_t number) {
  common::KeyValue& pair = *to.Add();
  pair.set_key(key);
  pair.mutable_value()->set_int_value(number);
}

// "host:port", "[v6]:port", a host alone, or "unix:/path".
void AddAddress(Attributes& to, absl::string_view address, const char* host_key,
                const char* port_key) {
  int port = 0;
  const size_t colon = address.rfind(':');
  if (!absl::ConsumePrefix(&address, "unix:") && colon != absl::string_view::npos &&
      absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    address = address.substr(0, colon);
  }
  if (absl::ConsumePrefix(&address, "[")) absl::ConsumeSuffix(&address, "]");
  Add(to, host_key, address);
  if (port > 0) Add(to, port_key, port);
}

// What stands before the service is part of the method's name, and still no part of these.
struct Method {
  absl::string_view service;
  absl::string_view method;
};

Method MethodOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos || slash == 0) return {"", path};
  const absl::string_view before = path.substr(0, slash);
  return {before.substr(before.rfind('/') + 1), path.substr(slash + 1)};
}

// A server answers for itself alone: what its caller did wrong is no error of its own.
bool IsError(const trace::Span& span) {
  if (!span.status.has_value()) return true;
  switch (*span.status) {
    case wire::StatusCode::kOk:
      return false;
    case wire::StatusCode::kUnknown:
    case wire::StatusCode::kDeadlineExceeded:
    case wire::StatusCode::kUnimplemented:
    case wire::StatusCode::kInternal:
    case wire::StatusCode::kUnavailable:
    case wire::StatusCode::kDataLoss:
      return true;
    case wire::StatusCode::kCancelled:
    case wire::StatusCode::kInvalidArgument:
    case wire::StatusCode::kNotFound:
    case wire::StatusCode::kAlreadyExists:
    case wire::StatusCode::kPermissionDenied:
    case wire::StatusCode::kResourceExhausted:
    case wire::StatusCode::kFailedPrecondition:
    case wire::StatusCode::kAborted:
    case wire::StatusCode::kOutOfRange:
    case wire::StatusCode::kUnauthenticated:
      return span.kind == trace::Span::Kind::kClient;
  }
  return true;
}

template <size_t n>
std::string Bytes(const std::array<uint8_t, n>& id) {
  return std::string(reinterpret_cast<const char*>(id.data()), n);
}

void AddAttributes(const trace::Span& span, Attributes& to) {
  const Method method = MethodOf(span.path);
  Add(to, "rpc.system", "grpc");
  Add(to, "rpc.service", method.service);
  Add(to, "rpc.method", method.method);
  if (span.status.has_value()) {
    Add(to, "rpc.grpc.status_code", static_cast<int64_t>(*span.status));
  }
  if (IsError(span)) {
    Add(to, "error.type", span.status.has_value() ? wire::NameOf(*span.status) : span.error);
  }
  AddAddress(to, span.authority, "server.address", "server.port");
  AddAddress(to, span.peer, "network.peer.address", "network.peer.port");
  Add(to, "singleflight.role", span.role);
  Add(to, "singleflight.route", span.route);
  Add(to, "singleflight.upstream", span.upstream);
}

void AddLink(const trace::Span& span, proto::Span& out) {
  if (!span.made_by) return;
  proto::Span::Link& link = *out.add_links();
  link.set_trace_id(Bytes(span.made_by.trace));
  link.set_span_id(Bytes(span.made_by.span));
  link.set_flags(kSampled);
}

void Fill(const trace::Span& span, proto::Span& out) {
  const Method method = MethodOf(span.path);
  const bool server = span.kind == trace::Span::Kind::kServer;
  out.set_trace_id(Bytes(span.self.trace));
  out.set_span_id(Bytes(span.self.span));
  out.set_trace_state(span.state);
  if (span.parent != decltype(span.parent){}) out.set_parent_span_id(Bytes(span.parent));
  out.set_flags(kSampled);
  out.set_name(absl::StrCat(method.service, "/", method.method));
  out.set_kind(server ? proto::Span::SPAN_KIND_SERVER : proto::Span::SPAN_KIND_CLIENT);
  out.set_start_time_unix_nano(static_cast<uint64_t>(absl::ToUnixNanos(span.began)));
  out.set_end_time_unix_nano(static_cast<uint64_t>(absl::ToUnixNanos(span.began + span.took)));
  AddAttributes(span, *out.mutable_attributes());
  AddLink(span, out);
  if (IsError(span)) out.mutable_status()->set_code(proto::Status::STATUS_CODE_ERROR);
}

}  // namespace

opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest ToOtlp(
    const Identity& who, absl::Span<const std::unique_ptr<trace::Span>> spans) {
  opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest request;
  proto::ResourceSpans& all = *request.add_resource_spans();
  Attributes& resource = *all.mutable_resource()->mutable_attributes();
  Add(resource, "service.name", who.service);
  Add(resource, "service.version", who.version);
  Add(resource, "service.instance.id", who.instance);
  proto::ScopeSpans& scope = *all.add_scope_spans();
  scope.mutable_scope()->set_name("singleflight-proxy");
  scope.mutable_scope()->set_version(who.version);
  for (const std::unique_ptr<trace::Span>& span : spans) Fill(*span, *scope.add_spans());
  return request;
}

}  // namespace singleflight::otlp
