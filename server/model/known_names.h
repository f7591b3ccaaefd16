// The names of request metadata that are known: noise, credentials (docs/semantics.md §3), and
// others that many calls carry. Every field of every call is looked up here, so a look-up is one
// multiplication and one comparison. docs/sharing.md has the lists too; a test compares them.

#ifndef SINGLEFLIGHT_SERVER_MODEL_KNOWN_NAMES_H_
#define SINGLEFLIGHT_SERVER_MODEL_KNOWN_NAMES_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::model {

enum class NameKind : uint8_t {
  kNoise,       // differs from call to call without changing what is asked
  kTracestate,  // noise by member: see ForeignMembers
  kCredential,  // says who asks
  kOrdinary,    // nothing special, but frequent
};

struct KnownName {
  absl::string_view name;
  NameKind kind;
};

inline constexpr KnownName kKnownNames[] = {
    // gRPC's own.
    {"te", NameKind::kNoise},
    {"grpc-timeout", NameKind::kNoise},
    {"grpc-encoding", NameKind::kNoise},
    {"grpc-accept-encoding", NameKind::kNoise},
    {"grpc-previous-rpc-attempts", NameKind::kNoise},
    {"grpc-trace-bin", NameKind::kNoise},
    {"grpc-tags-bin", NameKind::kNoise},
    {"user-agent", NameKind::kNoise},
    // W3C Trace Context.
    {"traceparent", NameKind::kNoise},
    {"tracestate", NameKind::kTracestate},
    // B3.
    {"b3", NameKind::kNoise},
    {"x-b3-traceid", NameKind::kNoise},
    {"x-b3-spanid", NameKind::kNoise},
    {"x-b3-parentspanid", NameKind::kNoise},
    {"x-b3-sampled", NameKind::kNoise},
    {"x-b3-flags", NameKind::kNoise},
    // Ids of requests.
    {"x-request-id", NameKind::kNoise},
    {"x-correlation-id", NameKind::kNoise},
    {"client-request-id", NameKind::kNoise},
    {"x-client-trace-id", NameKind::kNoise},
    // Clouds.
    {"x-cloud-trace-context", NameKind::kNoise},
    {"x-amzn-trace-id", NameKind::kNoise},
    // Vendors and meshes; `ot-tracer-*` besides.
    {"x-datadog-trace-id", NameKind::kNoise},
    {"x-datadog-parent-id", NameKind::kNoise},
    {"x-datadog-sampling-priority", NameKind::kNoise},
    {"x-datadog-origin", NameKind::kNoise},
    {"x-datadog-tags", NameKind::kNoise},
    {"uber-trace-id", NameKind::kNoise},
    {"sentry-trace", NameKind::kNoise},
    {"newrelic", NameKind::kNoise},
    {"elastic-apm-traceparent", NameKind::kNoise},
    {"x-dynatrace", NameKind::kNoise},
    {"x-instana-t", NameKind::kNoise},
    {"x-instana-s", NameKind::kNoise},
    {"x-instana-l", NameKind::kNoise},
    {"sw8", NameKind::kNoise},
    {"x-ot-span-context", NameKind::kNoise},
    {"l5d-ctx-trace", NameKind::kNoise},
    {"x-envoy-attempt-count", NameKind::kNoise},
    // About the call as a message of HTTP.
    {"date", NameKind::kNoise},
    {"cache-control", NameKind::kNoise},
    // Credentials; patterns besides (IsCredential).
    {"authorization", NameKind::kCredential},
    {"proxy-authorization", NameKind::kCredential},
    {"cookie", NameKind::kCredential},
    {"x-api-key", NameKind::kCredential},
    {"x-goog-api-key", NameKind::kCredential},
    {"x-jwt-assertion", NameKind::kCredential},
    {"x-amz-security-token", NameKind::kCredential},
    {"x-forwarded-access-token", NameKind::kCredential},
    {"x-forwarded-client-cert", NameKind::kCredential},
    // In nearly every call.
    {"host", NameKind::kOrdinary},
    {"content-type", NameKind::kOrdinary},
    {"content-length", NameKind::kOrdinary},
    {"accept-encoding", NameKind::kOrdinary},
    {"accept", NameKind::kOrdinary},
    {"singleflight-chain", NameKind::kOrdinary},
};

inline constexpr size_t kKnownNameCount = sizeof(kKnownNames) / sizeof(kKnownNames[0]);

// The index of `name` in kKnownNames; kKnownNameCount if it is none of them.
size_t FindKnownName(absl::string_view name);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_KNOWN_NAMES_H_
