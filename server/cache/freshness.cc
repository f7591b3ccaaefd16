#include "server/cache/freshness.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "server/cache/directives.h"

namespace singleflight::cache {
namespace {

// Nothing: it says none, or several, and a caller may believe any of them.
absl::optional<wire::StatusCode> TheStatusOf(const model::Reply& reply) {
  if (reply.initial.Find(":status") != absl::string_view("200") ||
      reply.initial.Count("grpc-status") + reply.trailing.Count("grpc-status") != 1) {
    return absl::nullopt;
  }
  return reply.status();
}

Verdict Refuse(Refusal why) { return {why, absl::ZeroDuration()}; }

// What the reply says goes before what the route says, within `most`.
absl::Duration StaleFor(absl::optional<absl::Duration> said, absl::Duration by_route,
                        bool route_may_say, absl::Duration most) {
  if (said.has_value()) return std::min(*said, std::max(most, by_route));
  return route_may_say ? by_route : absl::ZeroDuration();
}

constexpr absl::Duration kNotKept = absl::ZeroDuration();

absl::Duration TtlOf(absl::optional<wire::StatusCode> status, const FreshnessRules& rules) {
  if (!status.has_value()) return kNotKept;
  return *status == wire::StatusCode::kOk ? rules.ttl : rules.negative.of(*status);
}

absl::Duration MostOf(wire::StatusCode status, const FreshnessRules& rules) {
  if (status != wire::StatusCode::kOk) return rules.negative.of(status);
  return rules.max_ttl.value_or(DefaultMaxTtl(rules));
}

// s-maxage forbids what must-revalidate does (RFC 9111 §5.2.2.10), but not what the same reply
// allows by a directive of its own.
Staleness StalenessOf(const CacheControl& said, wire::StatusCode status,
                      const FreshnessRules& rules) {
  if (status != wire::StatusCode::kOk || said.must_revalidate) return {};
  if (rules.override_reply) return {rules.stale_while_revalidate, rules.stale_if_error};
  const bool route_may_say = !said.names_shared_lifetime;
  const absl::Duration most = MostOf(status, rules);
  return {StaleFor(said.stale_while_revalidate, rules.stale_while_revalidate, route_may_say, most),
          StaleFor(said.stale_if_error, rules.stale_if_error, route_may_say, most)};
}

}  // namespace

Verdict Judge(const model::Reply& reply, const FreshnessRules& rules, const Age& age,
              absl::Duration on_the_way) {
  const absl::optional<wire::StatusCode> status = TheStatusOf(reply);
  const absl::Duration ttl = TtlOf(status, rules);
  if (ttl == kNotKept) return Refuse(Refusal::kStatus);
  const CacheControl said = ParseCacheControl(reply.initial, reply.trailing);
  if (said.is_private || reply.Has("set-cookie")) return Refuse(Refusal::kPrivate);
  if (said.no_store) return Refuse(Refusal::kNoStore);
  if (age.malformed()) return Refuse(Refusal::kStale);
  const Staleness stale = StalenessOf(said, *status, rules);
  if (rules.override_reply) return {absl::nullopt, ttl, stale};
  const absl::Duration left =
      said.lifetime.has_value()
          ? std::min(*said.lifetime - age.value() - on_the_way, MostOf(*status, rules))
          : ttl - age.value();
  if (left <= absl::ZeroDuration()) return Refuse(Refusal::kStale);
  return {absl::nullopt, left, stale};
}

absl::Duration Jittered(absl::Duration lifetime, const FreshnessRules& rules, uint32_t draw) {
  constexpr double kMillion = 1e6;
  return lifetime - lifetime * (rules.jitter / kMillion) * (draw / kMillion);
}

void Age::Read(model::HeadersView block) {
  const absl::optional<absl::string_view> said = block.Find("age");
  if (!said.has_value()) return;
  const absl::string_view first = said->substr(0, said->find(','));
  const absl::optional<absl::Duration> read = ParseDeltaSeconds(absl::StripAsciiWhitespace(first));
  malformed_ = malformed_ || !read.has_value();
  value_ = std::max(value_, read.value_or(absl::ZeroDuration()));
}

absl::Duration AgeOf(model::HeadersView block) {
  Age age;
  age.Read(block);
  return age.value();
}

}  // namespace singleflight::cache
