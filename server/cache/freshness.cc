#include "server/cache/freshness.h"

#include <algorithm>

namespace singleflight::cache {
namespace {

bool IsPlainOk(const model::Reply& reply) {
  return reply.initial.Find(":status") == absl::string_view("200") &&
         reply.initial.Count("grpc-status") + reply.trailing.Count("grpc-status") == 1 &&
         reply.status() == wire::StatusCode::kOk;
}

Verdict Refuse(Refusal why) { return {why, absl::ZeroDuration()}; }

}  // namespace

Verdict Judge(const model::Reply& reply, const FreshnessRules& rules, absl::Duration age,
              absl::Duration on_the_way) {
  if (!IsPlainOk(reply)) return Refuse(Refusal::kStatus);
  const CacheControl said = ParseCacheControl(reply.initial, reply.trailing);
  if (said.is_private || reply.Has("set-cookie")) return Refuse(Refusal::kPrivate);
  if (said.no_store) return Refuse(Refusal::kNoStore);
  if (rules.override_reply) return {absl::nullopt, rules.ttl};
  const absl::Duration most = rules.max_ttl.value_or(DefaultMaxTtl(rules));
  const absl::Duration left = said.lifetime.has_value()
                                  ? std::min(*said.lifetime - age - on_the_way, most)
                                  : rules.ttl - age;
  if (left <= absl::ZeroDuration()) return Refuse(Refusal::kStale);
  return {absl::nullopt, left};
}

absl::Duration AgeOf(model::HeadersView initial) {
  const absl::optional<absl::string_view> said = initial.Find("age");
  if (!said.has_value()) return absl::ZeroDuration();
  return ParseDeltaSeconds(*said).value_or(absl::ZeroDuration());
}

}  // namespace singleflight::cache
