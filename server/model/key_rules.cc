#include "server/model/key_rules.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"

namespace singleflight::model {
namespace {

// Function-local statics, never destroyed: no static object of ours has a constructor that runs
// before main.
const absl::flat_hash_set<absl::string_view>& Noise() {
  static const auto& names = *new absl::flat_hash_set<absl::string_view>{
      "te",
      "grpc-timeout",
      "grpc-encoding",
      "grpc-accept-encoding",
      "grpc-previous-rpc-attempts",
      "user-agent",
      "traceparent",
      "grpc-trace-bin",
      "grpc-tags-bin",
      "b3",
      "x-b3-traceid",
      "x-b3-spanid",
      "x-b3-parentspanid",
      "x-b3-sampled",
      "x-request-id",
      "x-cloud-trace-context",
      "x-amzn-trace-id",
      "x-datadog-trace-id",
      "x-datadog-parent-id",
      "x-datadog-sampling-priority",
      "uber-trace-id",
      "date",
      "cache-control",
  };
  return names;
}

const absl::flat_hash_set<absl::string_view>& Credentials() {
  static const auto& names = *new absl::flat_hash_set<absl::string_view>{
      "authorization",
      "proxy-authorization",
      "cookie",
      "x-api-key",
      "x-goog-api-key",
      "x-jwt-assertion",
      "x-amz-security-token",
      "x-forwarded-access-token",
      "x-forwarded-client-cert",
  };
  return names;
}

}  // namespace

bool IsNoise(absl::string_view name) { return Noise().contains(name); }

bool IsCredential(absl::string_view name) {
  return Credentials().contains(name) || absl::StartsWith(name, "x-auth-") ||
         absl::StrContains(name, "token") || absl::StrContains(name, "secret") ||
         absl::StrContains(name, "-jwt-");
}

std::vector<absl::string_view> UsualNames() {
  std::vector<absl::string_view> names = {"host", "content-type", "content-length",
                                          "accept-encoding", "accept"};
  names.insert(names.end(), Noise().begin(), Noise().end());
  names.insert(names.end(), Credentials().begin(), Credentials().end());
  return names;
}

const std::vector<std::string>* MetadataSet(absl::string_view name) {
  static const auto& proxy_headers = *new std::vector<std::string>{
      "forwarded",
      "via",
      "x-forwarded-for",
      "x-forwarded-host",
      "x-forwarded-port",
      "x-forwarded-proto",
      "x-real-ip",
      "x-envoy-attempt-count",
      "x-envoy-decorator-operation",
      "x-envoy-expected-rq-timeout-ms",
      "x-envoy-external-address",
      "x-envoy-internal",
      "x-envoy-peer-metadata",
      "x-envoy-peer-metadata-id",
  };
  static const auto& baggage = *new std::vector<std::string>{"baggage", "tracestate"};
  if (name == "@proxy-headers") return &proxy_headers;
  if (name == "@baggage") return &baggage;
  return nullptr;
}

}  // namespace singleflight::model
