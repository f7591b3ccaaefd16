#include "server/model/key_rules.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "server/model/known_names.h"

namespace singleflight::model {
namespace {

constexpr absl::string_view kNoisePrefixes[] = {"ot-tracer-"};

// Datadog, Elastic, Instana, OpenTelemetry, Sentry, SkyWalking and SolarWinds.
constexpr absl::string_view kTracestateKeys[] = {"dd", "es", "in", "ot", "sentry", "sw"};

// Dynatrace, New Relic.
constexpr absl::string_view kTracestateSystems[] = {"dt", "nr"};

bool IsTracers(absl::string_view member) {
  const absl::string_view key = absl::StripAsciiWhitespace(member.substr(0, member.find('=')));
  const size_t at = key.find('@');
  const absl::string_view system = at == absl::string_view::npos ? key : key.substr(at + 1);
  const auto known = at == absl::string_view::npos ? TracestateKeys() : TracestateSystems();
  return std::find(known.begin(), known.end(), system) != known.end();
}

bool Is(NameKind kind, absl::string_view name) {
  const size_t known = FindKnownName(name);
  return known < kKnownNameCount && kKnownNames[known].kind == kind;
}

}  // namespace

bool IsNoise(absl::string_view name) {
  return Is(NameKind::kNoise, name) ||
         std::any_of(std::begin(kNoisePrefixes), std::end(kNoisePrefixes),
                     [name](absl::string_view prefix) { return absl::StartsWith(name, prefix); });
}

absl::Span<const absl::string_view> NoisePrefixes() { return kNoisePrefixes; }

bool IsCredential(absl::string_view name) {
  return Is(NameKind::kCredential, name) || absl::StartsWith(name, "x-auth-") ||
         absl::StrContains(name, "token") || absl::StrContains(name, "secret") ||
         absl::StrContains(name, "-jwt-");
}

bool IsOutsideMetadata(absl::string_view name) {
  return absl::StartsWith(name, ":") || name == "host" || name == "te" || name == "content-type" ||
         name == "content-length" || name == "grpc-timeout";
}

absl::string_view ForeignMembers(absl::string_view value, std::string* storage) {
  const auto members = absl::StrSplit(value, ',');
  if (std::none_of(members.begin(), members.end(), IsTracers)) return value;
  storage->clear();
  for (const absl::string_view member : members) {
    const absl::string_view text = absl::StripAsciiWhitespace(member);
    if (text.empty() || IsTracers(text)) continue;
    if (!storage->empty()) storage->push_back(',');
    storage->append(text.data(), text.size());
  }
  return *storage;
}

absl::Span<const absl::string_view> TracestateKeys() { return kTracestateKeys; }
absl::Span<const absl::string_view> TracestateSystems() { return kTracestateSystems; }

// Function-local statics, never destroyed: no static object of ours has a constructor that runs
// before main.
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
