// Every option of the file, in one place: its name, its type, its bounds and its default.
//
// Each Read… function takes one section, and asks its Mapping (reader.cc) for one option after the
// other. So a new option is one line: by it the option is read, bounded, and listed for messages
// and for the reference. Sections of which traffic knows nothing stand in operator_options.cc and
// metrics_options.cc, some of routes in collapse_options.cc, comparing_options.cc and
// retry_options.cc; they are called from here. Defaults stand in the options structs: an option
// that is absent leaves its target as it is.
//
// A check that concerns one section stands in its function. What concerns several sections needs
// all of them, and so is left to check_draft.cc: for it, the functions note places in the Draft.

#include "server/config/draft.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/config/address.h"
#include "server/config/bounds.h"
#include "server/config/collapse_options.h"
#include "server/config/comparing_options.h"
#include "server/config/field_options.h"
#include "server/config/freshness_options.h"
#include "server/config/health_options.h"
#include "server/config/memory_shares.h"
#include "server/config/metadata.h"
#include "server/config/metrics_options.h"
#include "server/config/operator_options.h"
#include "server/config/pattern.h"
#include "server/config/retry_options.h"
#include "server/config/scalars.h"
#include "server/config/schema_options.h"

namespace singleflight::config {
namespace {

constexpr uint64_t kLargestStore = uint64_t{1} << 40;
constexpr uint64_t kLargestFrame = uint64_t{4} << 30;  // what a message's prefix can claim
constexpr absl::Duration kLongestIdle = absl::Hours(30 * 24);

std::string NameMistake(absl::string_view text) {
  const bool printable =
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (!text.empty() && text.size() <= 128 && printable) return "";
  return "is no name; use 1 to 128 visible ASCII characters without spaces";
}

// A token of RFC 9651 §3.3.4, as RFC 9211 wants it.
std::string MarkNameMistake(absl::string_view text) {
  const auto allowed = [](unsigned char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("!#$%&'*+-.^_`|~:/", c);
  };
  if (!text.empty() && text.size() <= proxy::kLongestMarkName &&
      (absl::ascii_isalpha(static_cast<unsigned char>(text.front())) || text.front() == '*') &&
      std::all_of(text.begin(), text.end(), allowed)) {
    return "";
  }
  return absl::StrCat("is no name for cache-status; use 1 to ", proxy::kLongestMarkName,
                      " letters, digits and -._, beginning with a letter");
}

// Only the files of Unix sockets have them.
void ReadUnixAccess(Mapping& in, proxy::ListenerOptions& out) {
  absl::optional<std::string> mode;
  const size_t mistakes = in.mistakes();
  in.Text("mode", &mode, UnixModeMistake);
  in.Text("group", &out.access.group, GroupMistake);
  for (const char* name : {"mode", "group"}) {
    if (!in.Has(name) || out.address.empty() || absl::StartsWith(out.address, "unix:")) continue;
    in.Refuse(in.PlaceOf(name), "is for Unix sockets only; remove it, or listen on \"unix:/path\"");
  }
  if (!mode.has_value() || in.mistakes() != mistakes) return;
  out.access.mode = static_cast<mode_t>(std::stoul(*mode, nullptr, 8));
}

void ReadListener(Mapping& in, Draft& draft) {
  proxy::ListenerOptions listener;
  in.Text("address", &listener.address, ListenerAddressMistake);
  in.Require("address", "write where to listen, such as \"address: 127.0.0.1:8080\"");
  ReadUnixAccess(in, listener);
  draft.groups.push_back(in.PlaceOf("group"));
  draft.listener_tls.push_back(ReadServerTls(in, listener.tls));
  draft.listeners.push_back(in.PlaceOf("address"));
  draft.config.listeners.push_back(listener);
}

// Returns the places of the target or the endpoints, whichever the file has.
std::vector<Place> ReadEndpoints(Mapping& in, upstream::UpstreamOptions& out) {
  std::vector<Place> places;
  const size_t mistakes = in.mistakes();
  const bool grpc = out.transport == upstream::Transport::kGrpc;
  const bool target = in.Text("target", &out.target, grpc ? GrpcTargetMistake : TargetMistake);
  const bool endpoints =
      in.Texts("endpoints", [&](const std::string& endpoint, const Place& place) {
        const std::string mistake = EndpointMistake(endpoint);
        if (!mistake.empty()) in.Refuse(place, absl::StrCat(Quoted(endpoint), " ", mistake));
        out.endpoints.push_back(endpoint);
        places.push_back(place);
      });
  if (target && endpoints) {
    in.Refuse(in.PlaceOf("endpoints"),
              "stands beside \"target\"; an upstream has one of the two, remove the other");
  } else if (!target && !endpoints) {
    in.Refuse(in.place(),
              "says no backend; add \"target: dns:///host:port\" or a list of \"endpoints\"");
  } else if (endpoints && out.endpoints.empty() && in.mistakes() == mistakes) {
    in.Refuse(in.PlaceOf("endpoints"), "is empty; list at least one host:port");
  }
  if (places.empty()) places.push_back(in.PlaceOf("target"));
  return places;
}

void ReadAuthority(Mapping& in, upstream::UpstreamOptions& out) {
  std::string authority = "default";
  in.Text("authority", &authority, AuthorityMistake);
  if (authority == "default") return;
  if (authority == "preserve") {
    out.authority_rule = upstream::AuthorityRule::kPreserve;
    return;
  }
  out.authority_rule = upstream::AuthorityRule::kFixed;
  out.authority = authority;
}

// Reads a bound that becomes a share of memory if the file does not name it. Returns its place if
// the file does.
absl::optional<Place> ReadShare(Mapping& in, absl::string_view name, uint64_t* out, uint64_t min) {
  *out = kAuto;
  in.SizeOrAuto(name, out, min, kLargestStore);
  return *out == kAuto ? absl::nullopt : absl::make_optional(in.PlaceOf(name));
}

void ReadBreaker(Mapping& in, upstream::BreakerOptions& out) {
  const size_t mistakes = in.mistakes();
  const bool there = in.Section("breaker", "breaker: {calls: 1000}", [&](Mapping& bounds) {
    bounds.Number("calls", &out.calls, 1, kMostCalls);
    bounds.Number("pending", &out.pending, 1, kMostCalls);
    bounds.Number("connections", &out.connections, 1, kMostCalls);
  });
  if (!there || out.on() || in.mistakes() != mistakes) return;
  in.Refuse(in.PlaceOf("breaker"),
            "bounds nothing; name one of \"calls\", \"pending\" and \"connections\"");
}

std::string ConcurrencyMistake(absl::string_view text) {
  const absl::optional<uint64_t> number = ParseWhole(text);
  if (text == "adaptive" || (number.has_value() && *number >= 1 && *number <= kMostCalls))
    return "";
  return absl::StrCat("is neither \"adaptive\" nor a whole number from 1 to ", kMostCalls);
}

void ReadConcurrency(Mapping& in, upstream::ConcurrencyOptions& out) {
  in.Section("concurrency", "concurrency: {limit: adaptive}", [&](Mapping& slots) {
    const size_t mistakes = slots.mistakes();
    std::string limit;
    slots.Text("limit", &limit, ConcurrencyMistake);
    slots.Require("limit", "write how many calls may be in the air, or \"adaptive\"");
    slots.Number("min", &out.min, 1, kMostCalls);
    slots.Number("max", &out.max, 1, kMostCalls);
    slots.Duration("max_wait", &out.max_wait, kShortest, kLongest);
    if (slots.mistakes() != mistakes || limit.empty()) return;
    out.adaptive = limit == "adaptive";
    out.limit = static_cast<uint32_t>(ParseWhole(limit).value_or(0));
    for (const char* name : {"min", "max"}) {
      if (out.adaptive || !slots.Has(name)) continue;
      slots.Refuse(slots.PlaceOf(name), "is for \"limit: adaptive\" only; remove one of them");
    }
    if (!out.adaptive || out.min <= out.max) return;
    slots.Refuse(slots.PlaceOf("min"),
                 absl::StrCat("is more than \"max\": ", out.min, " and ", out.max));
  });
}

// Options that mean nothing where gRPC finds the endpoints and keeps the connections.
void RefuseNative(Mapping& in) {
  if (in.Has("endpoints")) {
    in.Refuse(in.PlaceOf("endpoints"),
              "is for the native transport; beside \"transport: grpc\" write "
              "\"target: ipv4:127.0.0.1:50051,127.0.0.1:50052\"");
  }
  for (const char* option :
       {"load_balancing", "dns_refresh", "max_connections_per_endpoint", "max_pending_calls",
        "breaker", "concurrency", "ejection", "health_check"}) {
    if (!in.Has(option)) continue;
    in.Refuse(in.PlaceOf(option),
              "is for the native transport; remove it, or \"transport: grpc\", whose connections "
              "and calls are gRPC's own");
  }
}

void ReadUpstream(Mapping& in, Draft& draft) {
  upstream::UpstreamOptions out;
  in.Text("name", &out.name, NameMistake);
  in.Require("name", "give the upstream a name for routes to use");
  in.Choice("transport", &out.transport,
            {{"native", upstream::Transport::kNative}, {"grpc", upstream::Transport::kGrpc}});
  draft.endpoints.push_back(ReadEndpoints(in, out));
  if (out.transport == upstream::Transport::kGrpc) RefuseNative(in);
  in.Choice("load_balancing", &out.load_balancing,
            {{"round_robin", upstream::LoadBalancing::kRoundRobin},
             {"least_request", upstream::LoadBalancing::kLeastRequest},
             {"pick_first", upstream::LoadBalancing::kPickFirst}});
  ReadEjection(in, out);
  ReadHealthCheck(in, out);
  draft.upstream_tls.push_back(ReadClientTls(in, out.tls));
  ReadAuthority(in, out);
  in.Duration("connect_timeout", &out.connect_timeout, kShortest, kLongest);
  in.Duration("max_reconnect_backoff", &out.max_reconnect_backoff, absl::Milliseconds(100),
              kLongest);
  in.Duration("dns_refresh", &out.dns_refresh, absl::Milliseconds(100), kLongest);
  in.Duration("ping_after", &out.ping_after, kShortest, kLongest);
  in.Duration("ping_timeout", &out.ping_timeout, kShortest, kLongest);
  in.Number("max_connections_per_endpoint", &out.max_connections_per_endpoint, 1, 1024);
  in.Number("max_pending_calls", &out.max_pending_calls, 1, kMostCalls);
  in.Number("max_flights", &out.max_flights, 1, kMostCalls);
  draft.max_held_bytes.push_back(ReadShare(in, "max_held_bytes", &out.max_held_bytes, 1));
  in.Size("max_reply_header_bytes", &out.max_reply_header_bytes, 1u << 10, 1u << 20);
  in.Number("release_concurrency", &out.release_concurrency, 1, kMostCalls);
  ReadBreaker(in, out.breaker);
  ReadConcurrency(in, out.concurrency);
  ReadSchema(in, draft);
  draft.upstreams.push_back(in.PlaceOf("name"));
  draft.config.upstreams.push_back(out);
}

absl::optional<Place> PlaceIfThere(const Mapping& in, absl::string_view name) {
  return in.Has(name) ? absl::make_optional(in.PlaceOf(name)) : absl::nullopt;
}

void ReadMatch(Mapping& in, core::MatchOptions& out, std::vector<Place>* need_schema) {
  in.Text("method", &out.method, MethodPatternMistake);
  in.Text("authority", &out.authority, AuthorityPatternMistake);
  ReadFieldConditions(in, out.fields, need_schema);
}

void ReadRoute(Mapping& in, Draft& draft) {
  core::RouteOptions out;
  core::CollapseOptions collapse;
  cache::FreshnessRules freshness;
  absl::optional<Place> max_ttl;
  std::vector<Place> need_schema;
  const size_t mistakes = in.mistakes();
  in.Section("match", "match: {method: /package.Service/*}",
             [&](Mapping& match) { ReadMatch(match, out.match, &need_schema); });
  const bool sound = in.mistakes() == mistakes;
  in.Text("upstream", &out.upstream, NameMistake);
  in.Require("upstream", "name the upstream that serves the route");
  if (ReadCollapse(in, collapse)) {
    out.collapse = collapse;
    if (collapse.methods == core::SharedMethods::kIdempotent) {
      need_schema.push_back(in.PlaceOf("collapse"));
    }
  }
  if (in.Section("cache", "cache: {ttl: 5s}", [&](Mapping& section) {
        ReadFreshness(section, freshness, &max_ttl);
        ReadTemplates(section, "tags", out.tags, &need_schema);
      })) {
    out.cache = freshness;
    if (out.collapse.has_value() && out.collapse->gathers()) {
      in.Refuse(in.PlaceOf("cache"),
                "keeps replies, and each was sent before the next caller came, which "
                "\"collapse: {join: before_start}\" rules out; remove one of them");
    }
  }
  ReadInvalidates(in, out, &need_schema);
  ReadRetry(in, out.retry);
  ReadComparing(in, out);
  const bool key =
      in.Section("key", "key: {metadata: {ignore: [x-device-id]}}",
                 [&](Mapping& section) { ReadKeyRules(section, out.key, &need_schema); });
  if (key && !out.collapse.has_value() && !out.cache.has_value()) {
    in.Refuse(
        in.PlaceOf("key"),
        "does nothing on a route that neither collapses nor caches; add \"collapse: true\" or "
        "\"cache: {ttl: 5s}\", or remove it");
  }
  RefuseIgnoredTags(in, out);
  draft.routes.push_back({in.PlaceOf("match"), in.PlaceOf("upstream"), in.PlaceOf("collapse"),
                          in.PlaceOf("cache"), in.PlaceOf("retry"), max_ttl, need_schema, sound,
                          PlaceIfThere(in, "invalidates")});
  draft.config.routes.push_back(out);
}

void ReadStore(Mapping& in, Draft& draft) {
  cache::StoreOptions& out = draft.config.cache;
  draft.cache_max_bytes = ReadShare(in, "max_bytes", &out.max_bytes, 64u << 10);
  in.Size("max_entry_bytes", &out.max_entry_bytes, 1u << 10, kLargestMessage);
  draft.store = in.place();
  draft.max_entry_bytes = in.PlaceOf("max_entry_bytes");
  draft.names_max_entry_bytes = in.Has("max_entry_bytes");
}

void ReadMarks(Mapping& in, Draft& draft) {
  proxy::MarkOptions& out = draft.config.reply_marks;
  draft.marks = in.place();
  in.Text("name", &out.name, MarkNameMistake);
  in.Flag("age", &out.age);
  in.Flag("cache_status", &out.cache_status);
}

// A header list that comes in goes out again to upstreams, with fields of this program's own. The
// session's bound for that is 128 KiB, which is why max_header_bytes ends at 96 KiB.
void ReadLimits(Mapping& in, Draft& draft) {
  proxy::LimitOptions& out = draft.config.limits;
  if (in.Number("max_connections", &out.max_connections, 1, kMostCalls)) {
    draft.max_connections = in.PlaceOf("max_connections");
  }
  in.Number("max_connections_per_address", &out.max_connections_per_address, 1, kMostCalls);
  in.Number("max_concurrent_streams", &out.max_concurrent_streams, 1, kMostCalls);
  in.Size("max_header_bytes", &out.max_header_bytes, 1u << 10, 96u << 10);
  in.Number("max_header_count", &out.max_header_count, 16, 4096);
  in.Size("max_message_bytes", &out.max_message_bytes, 1, kLargestFrame);
  in.Number("reset_allowance", &out.reset_allowance, 1, kMostCalls);
  in.Number("max_queued_frames", &out.max_queued_frames, 10, 10000);
  in.Duration("handshake_timeout", &out.handshake_timeout, kShortest, kLongest);
  in.Duration("first_request_timeout", &out.first_request_timeout, kShortest, kLongest);
  in.Duration("idle_timeout", &out.idle_timeout, kShortest, kLongestIdle);
  in.Duration("stall_timeout", &out.stall_timeout, kShortest, kLongest);
  in.Duration("request_timeout", &out.request_timeout, kShortest, kLongest);
  in.Duration("max_connection_age", &out.max_connection_age, kShortest, kLongestIdle);
  in.Duration("max_connection_age_grace", &out.max_connection_age_grace, kShortest, kLongestIdle);
  if (in.Has("max_connection_age_grace") && !in.Has("max_connection_age")) {
    in.Refuse(in.PlaceOf("max_connection_age_grace"),
              "does nothing without max_connection_age; add that or remove it");
  }
  draft.max_buffered_bytes = ReadShare(in, "max_buffered_bytes", &out.max_buffered_bytes, 1u << 20);
}

}  // namespace

Draft ReadDraft(Reading& reading, const YAML::Node& root) {
  Draft draft;
  Config& config = draft.config;
  config.cache.max_bytes = config.limits.max_buffered_bytes = kAuto;
  Mapping::ReadRoot(reading, root, [&](Mapping& in) {
    in.Ignore("x-");  // they hold anchors
    in.Sections("listeners", "listeners: [{address: 127.0.0.1:8080}]",
                [&](Mapping& entry) { ReadListener(entry, draft); });
    in.Sections("upstreams", "upstreams: [{name: backend, target: 127.0.0.1:50051}]",
                [&](Mapping& entry) { ReadUpstream(entry, draft); });
    in.Sections("routes", "routes: [{match: {method: /*}, upstream: backend}]",
                [&](Mapping& entry) { ReadRoute(entry, draft); });
    in.Section("cache", "cache: {max_bytes: 256MiB}",
               [&](Mapping& section) { ReadStore(section, draft); });
    in.Section("reply_marks", "reply_marks: {age: false, cache_status: false}",
               [&](Mapping& section) { ReadMarks(section, draft); });
    in.Section("limits", "limits: {max_connections: 1000}",
               [&](Mapping& section) { ReadLimits(section, draft); });
    in.Section("health", "health: {address: 0.0.0.0:9900}",
               [&](Mapping& section) { ReadHealth(section, draft); });
    in.Section("admin", "admin: {grpc: 127.0.0.1:9902}",
               [&](Mapping& section) { ReadAdmin(section, draft); });
    in.NumberOrAuto("threads", &config.threads, 1, 1024);
    in.Section("log", "log: {level: debug}",
               [&](Mapping& section) { ReadLog(section, config.log); });
    proxy::AccessLogOptions access_log;
    if (in.Section("access_log", "access_log: {to: stderr, errors: true}",
                   [&](Mapping& section) { ReadAccessLog(section, access_log); })) {
      config.access_log = access_log;
    }
    in.Section("tracing", "tracing: {otlp: 127.0.0.1:4317}",
               [&](Mapping& section) { ReadTracing(section, draft); });
    in.Section("metrics", "metrics: {latency_buckets: [0.001, 0.01, 0.1, 1]}",
               [&](Mapping& section) { ReadMetrics(section, config.metrics); });
    in.Section("reload", "reload: {check_every: 1s}", [&](Mapping& section) {
      section.Duration("check_every", &config.reload.check_every, absl::ZeroDuration(), kLongest);
    });
    in.Duration("drain_timeout", &config.drain_timeout, absl::ZeroDuration(), kLongest);
  });
  return draft;
}

std::vector<Option> Options() {
  std::vector<Option> options;
  Problems ignored("");
  const Environment nothing = [](absl::string_view) { return absl::nullopt; };
  Reading reading{nothing, ignored, &options};
  ReadDraft(reading, YAML::Node());
  return options;
}

}  // namespace singleflight::config
