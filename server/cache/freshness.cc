#include "server/cache/freshness.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace singleflight::cache {
namespace {

bool IsPlainOk(const model::Reply& reply) {
  return reply.initial.Find(":status") == absl::string_view("200") &&
         reply.initial.Count("grpc-status") + reply.trailing.Count("grpc-status") == 1 &&
         reply.status() == wire::StatusCode::kOk;
}

Verdict Refuse(Refusal why) { return {why, absl::ZeroDuration()}; }

}  // namespace

Verdict Judge(const model::Reply& reply, const FreshnessRules& rules, const Age& age,
              absl::Duration on_the_way) {
  if (!IsPlainOk(reply)) return Refuse(Refusal::kStatus);
  const CacheControl said = ParseCacheControl(reply.initial, reply.trailing);
  if (said.is_private || reply.Has("set-cookie")) return Refuse(Refusal::kPrivate);
  if (said.no_store) return Refuse(Refusal::kNoStore);
  if (age.malformed()) return Refuse(Refusal::kStale);
  if (rules.override_reply) return {absl::nullopt, rules.ttl};
  const absl::Duration most = rules.max_ttl.value_or(DefaultMaxTtl(rules));
  const absl::Duration left = said.lifetime.has_value()
                                  ? std::min(*said.lifetime - age.value() - on_the_way, most)
                                  : rules.ttl - age.value();
  if (left <= absl::ZeroDuration()) return Refuse(Refusal::kStale);
  return {absl::nullopt, left};
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
