// Which route a call matches, and what makes two routes different.

#include "server/core/route.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace singleflight::core {
namespace {

// The port of host:port, with its colon; an IPv6 address has its own colons in brackets.
absl::string_view WithoutPort(absl::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == absl::string_view::npos) return authority;
  const absl::string_view port = authority.substr(colon + 1);
  if (port.find(']') != absl::string_view::npos) return authority;
  return authority.substr(0, colon);
}

bool AuthorityMatches(absl::string_view pattern, absl::string_view authority) {
  const std::string wanted = absl::AsciiStrToLower(pattern);
  const std::string found = absl::AsciiStrToLower(authority);
  return GlobMatches(wanted, found) || GlobMatches(wanted, WithoutPort(found));
}

bool Matches(const MatchOptions& match, absl::string_view authority, absl::string_view path) {
  if (!GlobMatches(match.method, path)) return false;
  return !match.authority.has_value() || AuthorityMatches(*match.authority, authority);
}

}  // namespace

CollapseOptions FlightRulesOf(const RouteOptions& options) {
  if (options.collapse.has_value()) return *options.collapse;
  CollapseOptions alone;
  alone.flight_timeout = absl::InfiniteDuration();
  alone.max_waiters = 1;
  return alone;
}

std::string PolicyOf(const RouteOptions& options) {
  std::string policy;
  if (options.collapse.has_value()) {
    const CollapseOptions& rules = *options.collapse;
    absl::StrAppend(&policy, "collapse ", absl::FormatDuration(rules.flight_timeout), " ",
                    absl::FormatDuration(rules.max_join_age), " ",
                    rules.on_abandon == OnAbandon::kCancel, " ", rules.max_waiters, " ",
                    rules.max_request_bytes, " ", rules.max_reply_bytes, " ", rules.unary, " ",
                    absl::FormatDuration(rules.open_reply_grace));
  }
  if (options.cache.has_value()) {
    const cache::FreshnessRules& rules = *options.cache;
    absl::StrAppend(&policy, "\ncache ", absl::FormatDuration(rules.ttl), " ",
                    absl::FormatDuration(rules.max_ttl.value_or(cache::DefaultMaxTtl(rules))), " ",
                    rules.override_reply);
  }
  return policy;
}

// Greedy with one point of return: the last `*` takes one character more each time the rest fails.
bool GlobMatches(absl::string_view pattern, absl::string_view text) {
  size_t p = 0, t = 0;
  size_t star = absl::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      if (p + 1 == pattern.size()) return true;
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != absl::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

void Route::NoteStream(absl::string_view path, base::Instant now) {
  const absl::optional<absl::Duration> length = streaming_methods_.Note(absl::HashOf(path), now);
  if (!length.has_value()) return;
  spdlog::log(flights.unary ? spdlog::level::warn : spdlog::level::info,
              "upstream '{}': {} replied with two messages{}; its calls are not shared for {}",
              shared.name, std::string(path.substr(0, 256)),
              flights.unary ? ", though collapse.unary says that it is unary" : "",
              absl::FormatDuration(*length));
}

void Route::NoteUnary(absl::string_view path) {
  if (streaming_methods_.size() > 0) streaming_methods_.Forget(absl::HashOf(path));
}

bool Route::Streams(absl::string_view path, base::Instant now) const {
  return streaming_methods_.size() > 0 && streaming_methods_.Holds(absl::HashOf(path), now);
}

Route& RouteTable::Add(RouteOptions options, size_t upstream, UpstreamBounds& shared,
                       model::KeyPolicy key_policy) {
  return routes_.emplace_back(routes_.size(), std::move(options), upstream, shared,
                              std::move(key_policy));
}

Route* RouteTable::Find(absl::string_view authority, absl::string_view path) {
  for (Route& route : routes_) {
    if (Matches(route.options.match, authority, path)) return &route;
  }
  return nullptr;
}

}  // namespace singleflight::core
