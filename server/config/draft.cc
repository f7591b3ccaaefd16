// Every option of the file, in one place: its name, its type, its bounds and its default.
//
// Each Read… function takes one section, and asks its Mapping (reader.cc) for one option after the
// other. So a new option is one line: by it the option is read, bounded, and listed for messages
// and for the reference. Sections of which traffic knows nothing stand in operator_options.cc and
// metrics_options.cc, and are called from here. Defaults stand in the options structs: an option
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
#include "server/config/memory_shares.h"
#include "server/config/metadata.h"
#include "server/config/metrics_options.h"
#include "server/config/operator_options.h"
#include "server/config/pattern.h"

namespace singleflight::config {
namespace {

constexpr uint64_t kMostCalls = 1u << 24;
constexpr uint64_t kLargestMessage = uint64_t{2} << 30;
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
  const bool target = in.Text("target", &out.target, TargetMistake);
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

void ReadUpstream(Mapping& in, Draft& draft) {
  upstream::UpstreamOptions out;
  in.Text("name", &out.name, NameMistake);
  in.Require("name", "give the upstream a name for routes to use");
  draft.endpoints.push_back(ReadEndpoints(in, out));
  in.Choice("load_balancing", &out.load_balancing,
            {{"round_robin", upstream::LoadBalancing::kRoundRobin}});
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
  draft.upstreams.push_back(in.PlaceOf("name"));
  draft.config.upstreams.push_back(out);
}

void ReadMatch(Mapping& in, core::MatchOptions& out) {
  in.Text("method", &out.method, MethodPatternMistake);
  in.Text("authority", &out.authority, AuthorityPatternMistake);
}

void ReadCollapse(Mapping& in, core::CollapseOptions& out) {
  in.Duration("flight_timeout", &out.flight_timeout, kShortest, kLongest);
  in.Duration("max_join_age", &out.max_join_age, kShortest, kLongest);
  in.Choice("on_abandon", &out.on_abandon,
            {{"cancel", core::OnAbandon::kCancel}, {"complete", core::OnAbandon::kComplete}});
  in.Flag("unary", &out.unary);
  in.Duration("open_reply_grace", &out.open_reply_grace, kShortest, kLongest);
  if (out.unary && in.Has("open_reply_grace")) {
    in.Refuse(in.PlaceOf("open_reply_grace"),
              "does nothing beside unary: true; remove one of them");
  }
  in.Number("max_waiters", &out.max_waiters, 1, kMostCalls);
  in.Size("max_request_bytes", &out.max_request_bytes, 1, kLargestMessage);
  in.Size("max_reply_bytes", &out.max_reply_bytes, 1, kLargestMessage);
}

void ReadFreshness(Mapping& in, cache::FreshnessRules& out, absl::optional<Place>* max_ttl) {
  const size_t mistakes = in.mistakes();
  absl::optional<absl::Duration> ttl;
  in.Duration("ttl", &ttl, kShortest, kLongest);
  in.Require("ttl", "say how long a reply is kept, such as \"cache: {ttl: 5s}\"");
  out.ttl = ttl.value_or(absl::ZeroDuration());
  if (in.Duration("max_ttl", &out.max_ttl, kShortest, kLongest)) *max_ttl = in.PlaceOf("max_ttl");
  in.Flag("override", &out.override_reply);
  if (in.mistakes() == mistakes && out.max_ttl.has_value() && *out.max_ttl < out.ttl) {
    in.Refuse(in.PlaceOf("max_ttl"), "is below ttl; raise it or lower ttl");
  }
}

void ReadRoute(Mapping& in, Draft& draft) {
  core::RouteOptions out;
  core::CollapseOptions collapse;
  cache::FreshnessRules freshness;
  absl::optional<Place> max_ttl;
  const size_t mistakes = in.mistakes();
  in.Section("match", "match: {method: /package.Service/*}",
             [&](Mapping& match) { ReadMatch(match, out.match); });
  const bool sound = in.mistakes() == mistakes;
  in.Text("upstream", &out.upstream, NameMistake);
  in.Require("upstream", "name the upstream that serves the route");
  if (in.SwitchOrSection("collapse", [&](Mapping& section) { ReadCollapse(section, collapse); })) {
    out.collapse = collapse;
  }
  if (in.Section("cache", "cache: {ttl: 5s}",
                 [&](Mapping& section) { ReadFreshness(section, freshness, &max_ttl); })) {
    out.cache = freshness;
  }
  const bool key = in.Section("key", "key: {metadata: {ignore: [x-device-id]}}",
                              [&](Mapping& section) { ReadKeyRules(section, out.key); });
  if (key && !out.collapse.has_value() && !out.cache.has_value()) {
    in.Refuse(
        in.PlaceOf("key"),
        "does nothing on a route that neither collapses nor caches; add \"collapse: true\" or "
        "\"cache: {ttl: 5s}\", or remove it");
  }
  draft.routes.push_back({in.PlaceOf("match"), in.PlaceOf("upstream"), in.PlaceOf("collapse"),
                          in.PlaceOf("cache"), max_ttl, sound});
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
