// Answers in the order of the service. Orders are events, and so are the refusals of reloads.

#include "server/app/steering.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/app/proto_time.h"
#include "server/app/sharing.h"
#include "server/app/stats.h"
#include "server/app/surveys.h"
#include "server/core/flight.h"
#include "server/net/worker_clock.h"
#include "server/upstream/target.h"
#include "server/version.h"

namespace singleflight::app {
namespace {

namespace v1 = admin::v1;

constexpr size_t kUsualRows = 100;
constexpr size_t kMostRows = 1000;

size_t RowsOf(uint32_t limit) {
  return limit == 0 ? kUsualRows : std::min<size_t>(limit, kMostRows);
}

// What is sent upstream as :authority where neither a call nor the configuration says another.
std::string AuthorityOf(const upstream::UpstreamOptions& options) {
  if (options.authority_rule == upstream::AuthorityRule::kFixed) return options.authority;
  const absl::StatusOr<upstream::Target> target = upstream::ParseTarget(options);
  return target.ok() ? target->authority : "";
}

std::string SubjectOf(const v1::PurgeRequest& request) {
  switch (request.scope_case()) {
    case v1::PurgeRequest::kKey:
      return absl::StrCat("key ", request.key());
    case v1::PurgeRequest::kMethod:
      return absl::StrCat("method ", request.method());
    case v1::PurgeRequest::kGroup:
      return absl::StrCat("group ", request.group().name(), " of ", request.group().upstream());
    case v1::PurgeRequest::kAll:
    case v1::PurgeRequest::SCOPE_NOT_SET:
      break;
  }
  return "everything";
}

}  // namespace

Steering::Steering(boost::asio::io_context& control, const Parts& parts)
    : parts_(parts), started_at_(parts.wall_clock()), on_control_(control) {}

template <typename Answer, typename Fill>
absl::StatusOr<Answer> Steering::Asked(const Fill& fill) {
  Answer answer;
  const absl::Status asked = on_control_.Do(kPatience, [&] { fill(answer); });
  if (!asked.ok()) return asked;
  return answer;
}

template <typename Answer>
absl::StatusOr<Answer> Steering::Ordered(absl::FunctionRef<absl::StatusOr<Answer>()> ask,
                                         std::chrono::milliseconds patience) {
  absl::StatusOr<Answer> answer = absl::UnavailableError("");
  const absl::Status asked = on_control_.Do(patience, [&] { answer = ask(); });
  if (!asked.ok()) return asked;
  return answer;
}

absl::StatusOr<std::string> Steering::Write(absl::FunctionRef<std::string()> write) {
  return Asked<std::string>([&](std::string& text) { text = write(); });
}

absl::StatusOr<v1::Info> Steering::GetInfo(const v1::GetInfoRequest&) {
  return Asked<v1::Info>([&](v1::Info& info) { FillInfo(info); });
}

void Steering::FillInfo(v1::Info& info) const {
  info.set_version(kVersion);
  *info.mutable_started_at() = ToProto(started_at_);
  *info.mutable_uptime() = ToProto(parts_.wall_clock() - started_at_);
  info.set_pid(::getpid());
  info.set_workers(static_cast<uint32_t>(parts_.workers.size()));
  info.set_config_path(parts_.config_path == "/dev/stdin" ? "-" : parts_.config_path);
  *info.mutable_configured_at() = ToProto(parts_.reloader.applied_at());
  info.set_refused(parts_.reloader.refused());
  for (std::string& address : parts_.doors.addresses()) info.add_listeners(std::move(address));
  info.set_draining(parts_.drain.draining());
  info.set_log_level(std::string(NameOf(parts_.log.level())));
}

absl::StatusOr<v1::Stats> Steering::GetStats(const v1::GetStatsRequest&) {
  return Asked<v1::Stats>([&](v1::Stats& stats) {
    stats = StatsOf({parts_.config, parts_.ledgers, parts_.shared, parts_.workers});
    const absl::Time now = parts_.wall_clock();
    *stats.mutable_at() = ToProto(now);
    *stats.mutable_uptime() = ToProto(now - started_at_);
  });
}

absl::StatusOr<v1::ListRoutesResponse> Steering::ListRoutes(const v1::ListRoutesRequest&) {
  return Asked<v1::ListRoutesResponse>([&](v1::ListRoutesResponse& routes) {
    const std::vector<std::string> labels = RouteLabels(parts_.config);
    for (size_t i = 0; i < labels.size(); ++i) {
      const core::RouteOptions& options = parts_.config.routes[i];
      v1::Route& route = *routes.add_routes();
      route.set_route(labels[i]);
      route.set_method(options.match.method);
      route.set_authority(options.match.authority.value_or(""));
      route.set_upstream(options.upstream);
      route.set_collapses(options.collapse.has_value());
      route.set_caches(options.cache.has_value());
      if (route.caches()) *route.mutable_ttl() = ToProto(options.cache->ttl);
      if (route.collapses()) {
        *route.mutable_flight_timeout() = ToProto(options.collapse->flight_timeout);
      }
      DescribeSharing(parts_.routes->table.routes()[i], parts_.ledgers, route);
    }
  });
}

absl::StatusOr<v1::ListUpstreamsResponse> Steering::ListUpstreams(const v1::ListUpstreamsRequest&) {
  return Asked<v1::ListUpstreamsResponse>(
      [&](v1::ListUpstreamsResponse& upstreams) { FillUpstreams(upstreams); });
}

void Steering::FillUpstreams(v1::ListUpstreamsResponse& upstreams) const {
  for (const auto& running : parts_.upstreams.in_force()) {
    const upstream::UpstreamOptions& options = running->options;
    v1::Upstream& upstream = *upstreams.add_upstreams();
    upstream.set_upstream(options.name);
    upstream.set_target(options.target.empty() ? absl::StrJoin(options.endpoints, ",")
                                               : options.target);
    upstream.set_tls(running->tls != nullptr);
    running->Describe(upstream);
    PoolLimits::Describe(running->limits, upstream);
    parts_.schemas.Describe(options.name, upstream);
  }
}

// Here, and not on the control thread: the table of flights is for any thread.
absl::StatusOr<v1::ListFlightsResponse> Steering::ListFlights(
    const v1::ListFlightsRequest& request) {
  using Joinable = core::Flights::Joinable;
  const size_t rows = RowsOf(request.limit());
  const bool by_age = request.order() == v1::ListFlightsRequest::ORDER_AGE;
  const auto more = [by_age](const Joinable& a, const Joinable& b) {
    return by_age ? a.started < b.started : a.waiting > b.waiting;
  };
  std::vector<Joinable> flights;
  parts_.shared.flights.ForEachJoinable([&](const Joinable& flight) {
    if (flight.context == nullptr) return;
    flights.push_back(flight);
    if (flights.size() < 2 * rows) return;
    std::partial_sort(flights.begin(), flights.begin() + rows, flights.end(), more);
    flights.resize(rows);
  });
  std::sort(flights.begin(), flights.end(), more);
  flights.resize(std::min(flights.size(), rows));
  v1::ListFlightsResponse response;
  for (const Joinable& flight : flights) Describe(flight, *response.add_flights());
  response.set_total(parts_.shared.flights.flights());
  return response;
}

void Steering::Describe(const core::Flights::Joinable& flight, v1::Flight& out) const {
  const core::Route& route = flight.context->route();
  out.set_key(model::ToText(parts_.digests.Of(flight.context->key_hash())));
  out.set_route(RouteLabel(route.options));
  out.set_method(std::string(flight.context->path()));
  out.set_upstream(route.options.upstream);
  *out.mutable_age() = ToProto(
      std::max(absl::FromChrono(net::ReadWorkerClock() - flight.started), absl::ZeroDuration()));
  out.set_waiters(flight.waiting);
}

absl::StatusOr<v1::ListTopKeysResponse> Steering::ListTopKeys(
    const v1::ListTopKeysRequest& request) {
  return Asked<v1::ListTopKeysResponse>([&](v1::ListTopKeysResponse& keys) {
    keys = TopKeysOf(parts_.ledgers, parts_.digests, request);
  });
}

absl::StatusOr<v1::ListSplitsResponse> Steering::ListSplits(const v1::ListSplitsRequest& request) {
  return Asked<v1::ListSplitsResponse>([&](v1::ListSplitsResponse& splits) {
    const Moment now = {parts_.wall_clock(), net::ReadWorkerClock()};
    splits = SplitsOf(parts_.ledgers, parts_.config, now, request);
    for (v1::Split& split : *splits.mutable_splits()) NameFields(split);
  });
}

// By the schema that is there now, whatever it was when the calls came.
void Steering::NameFields(v1::Split& split) const {
  if (split.kind() != v1::Split::KIND_FIELD) return;
  const std::vector<std::string> labels = RouteLabels(parts_.config);
  const auto at = std::find(labels.begin(), labels.end(), split.route());
  if (at == labels.end()) return;
  const size_t route = static_cast<size_t>(at - labels.begin());
  const auto schema = parts_.schemas.Of(parts_.config.routes[route].upstream);
  if (schema == nullptr || schema->Find(split.method()) == nullptr) return;
  std::vector<std::string> names;
  for (const absl::string_view numbers : absl::StrSplit(split.name(), ", ")) {
    const absl::optional<model::FieldPath> path = model::ParseFieldPath(numbers);
    if (!path.has_value()) return;  // "message"
    names.push_back(schema->NameOf(split.method(), *path));
  }
  split.set_field_names(absl::StrJoin(names, ", "));
}

absl::StatusOr<v1::ListEventsResponse> Steering::ListEvents(const v1::ListEventsRequest& request) {
  v1::ListEventsResponse response;
  for (Event& event : parts_.events.Latest(RowsOf(request.limit()))) {
    v1::Event& row = *response.add_events();
    *row.mutable_at() = ToProto(event.at);
    row.set_kind(std::move(event.kind));
    row.set_subject(std::move(event.subject));
    row.set_text(std::move(event.text));
  }
  return response;
}

absl::StatusOr<Steering::Serving> Steering::GetServing() {
  return Asked<Serving>([&](Serving& serving) {
    const bool welcome = !parts_.drain.draining() && parts_.supervision.stuck().empty();
    serving[""] = welcome;
    for (const auto& running : parts_.upstreams.in_force()) {
      serving[running->options.name] = welcome && running->AnyServes();
    }
  });
}

// Here, and not on the control thread: it looks at all that is kept.
absl::StatusOr<v1::PurgeResponse> Steering::Purge(const v1::PurgeRequest& request) {
  const absl::StatusOr<cache::Scope> scope = ScopeOf(request);
  if (!scope.ok()) return scope.status();
  uint64_t number = 0;
  v1::PurgeResponse response;
  response.set_dropped(parts_.shared.store.Purge(*scope, &number));
  response.set_sequence(number);
  const std::string subject = SubjectOf(request);
  const std::string text = absl::StrCat("purged by command: ", response.dropped(), " entries");
  spdlog::info("admin: {}: {}", subject, text);
  parts_.events.Add("purge", subject, text);
  return response;
}

absl::StatusOr<cache::Scope> Steering::ScopeOf(const v1::PurgeRequest& request) {
  switch (request.scope_case()) {
    case v1::PurgeRequest::kKey:
      return ScopeOfKey(request.key());
    case v1::PurgeRequest::kMethod:
      if (absl::StartsWith(request.method(), "/")) return cache::MethodScope(request.method());
      return absl::InvalidArgumentError("method: write \"/package.Service/Method\"");
    case v1::PurgeRequest::kGroup:
      return ScopeOf(request.group());
    case v1::PurgeRequest::kAll:
      if (request.all()) return cache::EverythingScope();
      break;
    case v1::PurgeRequest::SCOPE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("say what to drop: key, method, group, or all: true");
}

absl::StatusOr<cache::Scope> Steering::ScopeOfKey(const std::string& text) const {
  const absl::optional<model::KeyDigest> digest = model::ParseKeyDigest(text);
  if (digest.has_value()) return cache::KeyScope(parts_.digests.HashOf(*digest));
  return absl::InvalidArgumentError(
      "key: a key is 16 hexadecimal digits, as ListFlights and ListTopKeys show them");
}

absl::StatusOr<cache::Scope> Steering::ScopeOf(const v1::Group& group) {
  return Ordered<cache::Scope>(
      [&]() -> absl::StatusOr<cache::Scope> {
        for (const upstream::UpstreamOptions& options : parts_.config.upstreams) {
          if (options.name != group.upstream()) continue;
          const std::string& named = group.authority();
          return cache::GroupScope(options.name, named.empty() ? AuthorityOf(options) : named,
                                   group.name());
        }
        return absl::NotFoundError(
            absl::StrCat("no upstream has the name '", group.upstream(), "'"));
      },
      kPatience);
}

absl::StatusOr<v1::ReloadResponse> Steering::Reload(const v1::ReloadRequest&) {
  return Ordered<v1::ReloadResponse>(
      [&]() -> absl::StatusOr<v1::ReloadResponse> {
        if (parts_.drain.draining()) {
          return absl::FailedPreconditionError("the process drains, and takes no configuration");
        }
        const auto warnings = parts_.reloader.ReloadAndTell("by command");
        if (!warnings.ok()) return absl::FailedPreconditionError(warnings.status().message());
        v1::ReloadResponse response;
        for (const std::string& warning : *warnings) response.add_warnings(warning);
        return response;
      },
      kLongPatience);
}

absl::StatusOr<v1::DrainResponse> Steering::Drain(const v1::DrainRequest& request) {
  switch (request.what_case()) {
    case v1::DrainRequest::kProcess:
      if (!request.process()) break;
      return Asked<v1::DrainResponse>([&](v1::DrainResponse& response) {
        // Counted first: what has no calls is closed at once.
        response.set_connections(static_cast<uint64_t>(parts_.workers.connections()));
        parts_.drain.Begin();
      });
    case v1::DrainRequest::kEndpoint:
      return SetDrained(request.endpoint(), true);
    case v1::DrainRequest::kResume:
      return SetDrained(request.resume(), false);
    case v1::DrainRequest::WHAT_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("say what: process: true, endpoint, or resume");
}

absl::StatusOr<v1::DrainResponse> Steering::SetDrained(const v1::EndpointName& endpoint,
                                                       bool drained) {
  return Ordered<v1::DrainResponse>(
      [&]() -> absl::StatusOr<v1::DrainResponse> {
        const absl::StatusOr<int64_t> connections =
            parts_.upstreams.SetDrained(endpoint.upstream(), endpoint.address(), drained);
        if (!connections.ok()) return connections.status();
        v1::DrainResponse response;
        response.set_connections(static_cast<uint64_t>(*connections));
        return response;
      },
      kPatience);
}

absl::StatusOr<v1::ShareAgainResponse> Steering::ShareAgain(const v1::ShareAgainRequest& request) {
  return Ordered<v1::ShareAgainResponse>(
      [&]() -> absl::StatusOr<v1::ShareAgainResponse> {
        absl::StatusOr<bool> stopped = app::ShareAgain(*parts_.routes, request.route());
        if (!stopped.ok()) return stopped.status();
        parts_.events.Add("verify", request.route(), "the route shares again, by command");
        v1::ShareAgainResponse response;
        response.set_was_stopped(*stopped);
        return response;
      },
      kPatience);
}

absl::StatusOr<v1::SetLogLevelResponse> Steering::SetLogLevel(
    const v1::SetLogLevelRequest& request) {
  const absl::optional<config::LogLevel> level = LogLevelNamed(request.level());
  if (!level.has_value()) {
    return absl::InvalidArgumentError("level: debug, info, warning or error");
  }
  return Asked<v1::SetLogLevelResponse>([&](v1::SetLogLevelResponse& response) {
    response.set_previous(std::string(NameOf(parts_.log.level())));
    parts_.log.SetLevel(*level);
    parts_.events.Add(
        "log-level", "",
        absl::StrCat("the log tells ", request.level(), " and above until the next reload"));
  });
}

}  // namespace singleflight::app
