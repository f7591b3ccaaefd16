// The views of lists: a row an item.

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/ctl/figures.h"
#include "server/ctl/views.h"

namespace singleflight::ctl {
namespace {

namespace v1 = admin::v1;
using Kind = Column::Kind;
using Endpoint = v1::Endpoint;

std::string OrNone(const std::string& text) { return text.empty() ? kNone : text; }

const char* StateName(Endpoint::State state) {
  switch (state) {
    case Endpoint::STATE_IDLE:
      return "idle";
    case Endpoint::STATE_CONNECTING:
      return "connecting";
    case Endpoint::STATE_READY:
      return "ready";
    case Endpoint::STATE_FAILING:
      return "failing";
    case Endpoint::STATE_SILENT:
      return "silent";
    case Endpoint::STATE_DRAINED:
      return "drained";
    case Endpoint::STATE_EJECTED:
      return "ejected";
    case Endpoint::STATE_UNHEALTHY:
      return "unhealthy";
    default:
      return "unknown";
  }
}

Tone ToneOf(Endpoint::State state) {
  switch (state) {
    case Endpoint::STATE_READY:
      return Tone::kGood;
    case Endpoint::STATE_FAILING:
    case Endpoint::STATE_SILENT:
    case Endpoint::STATE_EJECTED:
    case Endpoint::STATE_UNHEALTHY:
      return Tone::kBad;
    case Endpoint::STATE_DRAINED:
      return Tone::kWarning;
    default:
      return Tone::kPlain;
  }
}

std::string Failure(const Endpoint& endpoint, const Style& style) {
  if (endpoint.last_failure().empty()) return "";
  if (!endpoint.has_last_failure_at()) return endpoint.last_failure();
  return absl::StrCat(endpoint.last_failure(), " (",
                      Ago(TimeOf(endpoint.last_failure_at()), style.now), ")");
}

std::vector<Cell> Row(const v1::Upstream& upstream, const Endpoint& endpoint, const Style& style) {
  return {absl::StrCat(upstream.upstream(), "/", endpoint.address()),
          {StateName(endpoint.state()), ToneOf(endpoint.state())},
          endpoint.has_since() ? Span(style.now - TimeOf(endpoint.since())) : kNone,
          Count(endpoint.calls()),
          Gauge(endpoint.active()),
          OrNone(endpoint.last_code()),
          Gauge(endpoint.connections()),
          Failure(endpoint, style)};
}

// Of an upstream without endpoints: why it has none.
std::vector<Cell> Row(const v1::Upstream& upstream) {
  return {upstream.upstream(),
          {"no address", Tone::kBad},
          "",
          "",
          "",
          "",
          "",
          absl::StrCat(upstream.target(), ": ", OrNone(upstream.resolve_error()))};
}

// What all workers share, where there is such.
std::string Bounds(const v1::ListUpstreamsResponse& upstreams, const Style& style) {
  Table table{{{"BOUND", Kind::kName}, {"USED", Kind::kNumber}, {"OF", Kind::kNumber}, {"MET"}},
              {}};
  for (const v1::Upstream& upstream : upstreams.upstreams()) {
    for (const v1::UpstreamBound& bound : upstream.bounds()) {
      table.rows.push_back({absl::StrCat(upstream.upstream(), " ", bound.bound()),
                            Gauge(bound.used()), Gauge(bound.max()),
                            bound.met() ? Cell("now", Tone::kBad) : Cell("no")});
    }
  }
  return table.rows.empty() ? "" : "\n" + Lay(table, style.paper);
}

// Of upstreams that the configuration names a schema for.
std::string Schemas(const v1::ListUpstreamsResponse& upstreams, const Style& style) {
  Table table{{{"SCHEMA OF", Kind::kName},
               {"METHODS", Kind::kNumber},
               {"FOR", Kind::kNumber},
               {"FROM", Kind::kName},
               {"LAST FAILURE"}},
              {}};
  for (const v1::Upstream& upstream : upstreams.upstreams()) {
    if (!upstream.has_schema()) continue;
    const v1::Schema& schema = upstream.schema();
    table.rows.push_back(
        {upstream.upstream(),
         schema.methods() > 0 ? Cell(Count(schema.methods())) : Cell("none yet", Tone::kWarning),
         schema.has_taken_at() ? Span(style.now - TimeOf(schema.taken_at())) : kNone,
         schema.source(), schema.failure()});
  }
  return table.rows.empty() ? "" : "\n" + Lay(table, style.paper);
}

Cell SharingOf(const v1::Route& route) {
  if (route.shadow()) return "nothing";
  switch (route.sharing()) {
    case v1::Route::SHARING_SOME_APART:
      return {"some clients apart", Tone::kWarning};
    case v1::Route::SHARING_STOPPED:
      return {"stopped", Tone::kBad};
    default:
      return {"yes", Tone::kGood};
  }
}

std::string WouldSave(const v1::Route& route) {
  return route.shadow() ? Count(route.would_be_hits() + route.would_be_followers()) : kNone;
}

// Of routes whose replies are compared, where there are such.
std::string Comparisons(const v1::ListRoutesResponse& routes, const Style& style) {
  Table table{{{"COMPARED ROUTE", Kind::kName},
               {"MODE", Kind::kWord},
               {"SHARES", Kind::kText},
               {"WOULD SAVE", Kind::kNumber},
               {"COMPARED", Kind::kNumber},
               {"DIFFERED", Kind::kNumber},
               {"LATEST DIFFERENCE"}},
              {}};
  for (const v1::Route& route : routes.routes()) {
    if (!route.shadow() && route.sharing() == v1::Route::SHARING_UNSPECIFIED) continue;
    table.rows.push_back(
        {route.route(), route.shadow() ? "shadow" : "verify", SharingOf(route), WouldSave(route),
         Count(route.compared()),
         Cell(Count(route.differed()), route.differed() > 0 ? Tone::kBad : Tone::kPlain),
         route.difference()});
  }
  return table.rows.empty() ? "" : "\n" + Lay(table, style.paper);
}

std::string Metadata(const char* kind, const v1::Split& split) {
  return absl::StrCat(kind, split.name().empty() ? "" : " ", split.name());
}

// "fields 1, 3.2 (id, context.trace) of GetItem".
std::string Fields(const v1::Split& split) {
  const absl::string_view method(split.method());
  const absl::string_view last = method.substr(method.rfind('/') + 1);
  const char* const kind = split.name() == "message"              ? "the "
                           : absl::StrContains(split.name(), ',') ? "fields "
                                                                  : "field ";
  const std::string names =
      split.field_names().empty() ? "" : absl::StrCat(" (", split.field_names(), ")");
  return absl::StrCat(kind, split.name(), names, last.empty() ? "" : " of ", last);
}

std::string SplitBy(const v1::Split& split) {
  switch (split.kind()) {
    case v1::Split::KIND_METADATA:
      return Metadata("header", split);
    case v1::Split::KIND_CREDENTIAL:
      return Metadata("credential", split);
    case v1::Split::KIND_AUTHORITY:
      return Metadata("authority", split);
    case v1::Split::KIND_POLICY:
      return Metadata("policy", split);
    case v1::Split::KIND_ENCODING:
      return Metadata("encoding", split);
    case v1::Split::KIND_FIELD:
      return Fields(split);
    case v1::Split::KIND_SEVERAL:
      return Metadata("several", split);
    default:
      return Metadata("other", split);
  }
}

std::string Cures(const v1::ListSplitsResponse& splits) {
  std::string text;
  for (const v1::Split& split : splits.splits()) {
    if (split.cure().empty()) continue;
    absl::StrAppend(&text, "  ", Harmless(split.route()), ", ", Harmless(SplitBy(split)), ":\n    ",
                    Harmless(split.cure()), "\n");
  }
  return text.empty() ? "" : absl::StrCat("\nto let them meet, in the route:\n", text);
}

std::string ViewTop(const v1::ListTopKeysResponse& keys, const char* title,
                    std::string (*figure)(uint64_t), const Style& style) {
  if (keys.keys().empty()) return "No key has been asked for yet.\n";
  Table table{{{"KEY", Kind::kWord},
               {title, Kind::kNumber},
               {"±", Kind::kNumber, true},
               {"METHOD", Kind::kName},
               {"ROUTE", Kind::kName, true}},
              {}};
  for (const v1::TopKey& key : keys.keys()) {
    table.rows.push_back(
        {key.key(), figure(key.count()), figure(key.error()), key.method(), key.route()});
  }
  return Lay(table, style.paper);
}

}  // namespace

std::string ViewInfo(const v1::Info& info, const Style& style) {
  const std::string since = Moment(TimeOf(info.started_at()), style.zone);
  std::vector<std::pair<std::string, Cell>> facts = {
      {"version", info.version()},
      {"up", absl::StrCat(Span(DurationOf(info.uptime())), ", since ", since)},
      {"process", absl::StrCat(info.pid(), ", ", info.workers(), " workers")},
      {"configuration",
       absl::StrCat(info.config_path() == "-" ? "from standard input" : info.config_path(),
                    ", in force since ", Moment(TimeOf(info.configured_at()), style.zone))},
      {"log level", info.log_level()},
  };
  for (const std::string& listener : info.listeners()) facts.emplace_back("listens on", listener);
  if (info.draining()) facts.emplace_back("draining", Cell("yes", Tone::kWarning));
  if (!info.refused().empty()) facts.emplace_back("refused", Cell(info.refused(), Tone::kBad));
  return LayFacts(facts, style.paper);
}

std::string ViewRoutes(const v1::ListRoutesResponse& routes, const Style& style) {
  Table table{{{"ROUTE", Kind::kName},
               {"UPSTREAM", Kind::kName},
               {"COLLAPSE", Kind::kWord},
               {"CACHE", Kind::kWord},
               {"AUTHORITY", Kind::kName, true},
               {"METHOD", Kind::kName, true}},
              {}};
  for (const v1::Route& route : routes.routes()) {
    const std::string timeout = Span(DurationOf(route.flight_timeout()));
    table.rows.push_back(
        {route.route(), route.upstream(),
         route.collapses() ? Cell(absl::StrCat("yes, for ", timeout), Tone::kGood) : Cell("no"),
         route.caches() ? Cell(Span(DurationOf(route.ttl())), Tone::kGood) : Cell("no"),
         route.authority().empty() ? "any" : route.authority(), route.method()});
  }
  return Lay(table, style.paper) + Comparisons(routes, style);
}

std::string ViewUpstreams(const v1::ListUpstreamsResponse& upstreams, const Style& style) {
  Table table{{{"ENDPOINT", Kind::kName},
               {"STATE", Kind::kWord},
               {"FOR", Kind::kNumber},
               {"CALLS", Kind::kNumber},
               {"ACTIVE", Kind::kNumber},
               {"LAST CODE", Kind::kText, true},
               {"CONNECTIONS", Kind::kNumber, true},
               {"LAST FAILURE"}},
              {}};
  for (const v1::Upstream& upstream : upstreams.upstreams()) {
    if (upstream.endpoints().empty()) table.rows.push_back(Row(upstream));
    for (const Endpoint& endpoint : upstream.endpoints()) {
      table.rows.push_back(Row(upstream, endpoint, style));
    }
  }
  return Lay(table, style.paper) + Bounds(upstreams, style) + Schemas(upstreams, style);
}

std::string ViewFlights(const v1::ListFlightsResponse& flights, const Style& style) {
  if (flights.flights().empty()) return "No flight is in the air.\n";
  Table table{{{"KEY", Kind::kWord},
               {"WAITERS", Kind::kNumber},
               {"AGE", Kind::kNumber},
               {"METHOD", Kind::kName},
               {"UPSTREAM", Kind::kName, true},
               {"ROUTE", Kind::kName, true}},
              {}};
  for (const v1::Flight& flight : flights.flights()) {
    table.rows.push_back({flight.key(), Count(flight.waiters()), Span(DurationOf(flight.age())),
                          flight.method(), flight.upstream(), flight.route()});
  }
  std::string text = Lay(table, style.paper);
  const uint64_t shown = static_cast<uint64_t>(flights.flights_size());
  if (flights.total() > shown) {
    absl::StrAppend(&text, Count(shown), " of ", Count(flights.total()), " in the air\n");
  }
  return text;
}

std::string ViewTopByCalls(const v1::ListTopKeysResponse& keys, const Style& style) {
  return ViewTop(keys, "CALLS", Count, style);
}

std::string ViewTopByBytes(const v1::ListTopKeysResponse& keys, const Style& style) {
  return ViewTop(keys, "SAVED", Bytes, style);
}

std::string ViewSplits(const v1::ListSplitsResponse& splits, const Style& style) {
  if (splits.splits().empty()) return "Nothing kept calls apart that were equal but for it.\n";
  Table table{{{"ROUTE", Kind::kName},
               {"KEPT APART BY"},
               {"CALLS", Kind::kNumber},
               {"LAST", Kind::kNumber}},
              {}};
  for (const v1::Split& split : splits.splits()) {
    table.rows.push_back({split.route(), SplitBy(split), Count(split.calls()),
                          Ago(TimeOf(split.last_at()), style.now)});
  }
  return Lay(table, style.paper) + Cures(splits);
}

std::string ViewEvents(const v1::ListEventsResponse& events, const Style& style) {
  if (events.events().empty()) return "Nothing has happened yet.\n";
  Table table{
      {{"TIME", Kind::kWord}, {"KIND", Kind::kWord}, {"SUBJECT", Kind::kName, true}, {"WHAT"}}, {}};
  for (const v1::Event& event : events.events()) {
    table.rows.push_back(
        {Moment(TimeOf(event.at()), style.zone), event.kind(), event.subject(), event.text()});
  }
  return Lay(table, style.paper);
}

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

absl::Duration DurationOf(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace singleflight::ctl
