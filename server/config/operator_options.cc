// As in draft.cc: a new option is one line, in the function of its section.

#include "server/config/operator_options.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config/address.h"
#include "server/config/bounds.h"
#include "server/trace/sampling.h"

namespace singleflight::config {
namespace {

std::string TokenFileMistake(absl::string_view text) {
  const bool printable = std::none_of(text.begin(), text.end(), absl::ascii_iscntrl);
  if (!text.empty() && printable) return "";
  return "is no path; write that of a file with a token, without control characters";
}

std::string AllowedHostMistake(absl::string_view text) {
  if (AuthorityMistake(text).empty()) return "";
  return "is no host; use a name such as \"proxy.example\" or \"proxy.example:8443\"";
}

std::string AccessLogMistake(absl::string_view to) {
  if (to == proxy::kStandardError) return "";
  if (absl::StartsWith(to, "/") && !absl::EndsWith(to, "/")) return "";
  return "is neither stderr nor the path of a file from / on; write where the lines go, such as "
         "\"to: /var/log/singleflight/access.log\"";
}

std::string SampleMistake(absl::string_view text) {
  if (trace::ParseSampling(text).has_value()) return "";
  return "is no sampling; write parent, or what share of the traces that begin here is recorded, "
         "such as 1% or 0.5%";
}

std::string ServiceNameMistake(absl::string_view text) {
  const bool printable = std::none_of(text.begin(), text.end(), absl::ascii_iscntrl);
  if (!text.empty() && text.size() <= 255 && printable) return "";
  return "is no name; use 1 to 255 characters, none of them a control character";
}

}  // namespace

void ReadHealth(Mapping& in, Draft& draft) {
  in.Text("address", &draft.config.health.address, HealthAddressMistake);
  in.Require("address",
             "write where to serve it, such as \"address: 0.0.0.0:9900\", or remove \"health\"");
  draft.health = in.PlaceOf("address");
}

void ReadAdmin(Mapping& in, Draft& draft) {
  admin::AdminOptions& out = draft.config.admin;
  if (in.Text("grpc", &out.grpc, ListenerAddressMistake)) draft.admin_grpc = in.PlaceOf("grpc");
  if (in.Text("http", &out.http, ListenerAddressMistake)) draft.admin_http = in.PlaceOf("http");
  in.Texts("allowed_hosts", [&](const std::string& host, const Place& place) {
    const std::string mistake = AllowedHostMistake(host);
    if (!mistake.empty()) in.Refuse(place, absl::StrCat(Quoted(host), " ", mistake));
    out.allowed_hosts.push_back(host);
  });
  if (in.Has("allowed_hosts") && !in.Has("http")) {
    in.Refuse(in.PlaceOf("allowed_hosts"), "does nothing without http; add that or remove it");
  }
  if (in.Text("token_file", &out.token_file, TokenFileMistake)) {
    draft.admin_token_file = in.PlaceOf("token_file");
  }
  draft.admin_tls = ReadServerTls(in, out.tls);
  if (in.Has("grpc") || in.Has("http")) return;
  in.Refuse(in.place(),
            "says no address; add \"http: 127.0.0.1:9901\", \"grpc: 127.0.0.1:9902\", or both");
}

void ReadLog(Mapping& in, LogOptions& out) {
  in.Choice("level", &out.level,
            {{"debug", LogLevel::kDebug},
             {"info", LogLevel::kInfo},
             {"warning", LogLevel::kWarning},
             {"error", LogLevel::kError}});
  in.Choice("format", &out.format, {{"text", LogFormat::kText}, {"json", LogFormat::kJson}});
}

void ReadAccessLog(Mapping& in, proxy::AccessLogOptions& out) {
  in.Text("to", &out.to, AccessLogMistake);
  in.Require("to", "write where the lines go: stderr, or the path of a file");
  in.Choice("format", &out.format,
            {{"text", proxy::AccessLogFormat::kText}, {"json", proxy::AccessLogFormat::kJson}});
  in.Flag("errors", &out.errors);
  in.Duration("slower_than", &out.slower_than, kShortest, kLongest);
  in.Percent("sample", &out.sample);
}

void ReadTracing(Mapping& in, Draft& draft) {
  otlp::Options& out = draft.config.tracing;
  in.Text("otlp", &out.otlp, EndpointMistake);
  in.Require("otlp", "write where the collector is, such as \"otlp: 127.0.0.1:4317\"");
  std::string sample = "parent";
  in.Text("sample", &sample, SampleMistake);
  out.sampling = trace::ParseSampling(sample).value_or(out.sampling);
  in.Text("service_name", &out.service_name, ServiceNameMistake);
  in.Duration("timeout", &out.timeout, absl::Milliseconds(10), absl::Minutes(1));
  draft.tracing_tls = ReadCollectorTls(in, out.tls);
}

}  // namespace singleflight::config
