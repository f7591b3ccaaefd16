// Spans in the form of OpenTelemetry's protocol, under the names of its conventions for gRPC
// (https://opentelemetry.io/docs/specs/semconv/rpc/grpc/). What is this program's own is called
// `singleflight.…`.

#ifndef SINGLEFLIGHT_SERVER_OTLP_TO_OTLP_H_
#define SINGLEFLIGHT_SERVER_OTLP_TO_OTLP_H_

#include <memory>
#include <string>

#include "absl/types/span.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "server/trace/span.h"

namespace singleflight::otlp {

// Who sends the spans.
struct Identity {
  std::string service;  // tracing.service_name
  std::string version;
  std::string instance;  // differs from process to process
};

opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest ToOtlp(
    const Identity& who, absl::Span<const std::unique_ptr<trace::Span>> spans);

}  // namespace singleflight::otlp

#endif  // SINGLEFLIGHT_SERVER_OTLP_TO_OTLP_H_
