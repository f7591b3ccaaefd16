// Which route a call matches, and what makes two routes different.

#include "server/core/route.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/wire/method.h"

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

bool MatchesMessage(const MatchOptions& match, absl::optional<absl::string_view> message) {
  return std::all_of(match.fields.begin(), match.fields.end(),
                     [&message](const model::FieldCondition& condition) {
                       return message.has_value() && condition.Matches(*message);
                     });
}

}  // namespace

std::string ToText(const MatchOptions& match) {
  std::string text = absl::StrCat(match.authority.value_or(""), match.method);
  for (const model::FieldCondition& condition : match.fields) {
    absl::StrAppend(&text, &condition == &match.fields.front() ? "?" : "&", ToText(condition));
  }
  return text;
}

CollapseOptions FlightRulesOf(const RouteOptions& options) {
  CollapseOptions rules;
  if (options.collapse.has_value()) {
    rules = *options.collapse;
  } else {
    rules.flight_timeout = absl::InfiniteDuration();
    rules.max_waiters = 1;
  }
  rules.unary |= options.unary;
  return rules;
}

std::string PolicyOf(const RouteOptions& options) {
  std::string policy;
  if (options.collapse.has_value()) {
    const CollapseOptions& rules = *options.collapse;
    absl::StrAppend(&policy, "collapse ", absl::FormatDuration(rules.flight_timeout), " ",
                    absl::FormatDuration(rules.max_join_age), " ",
                    rules.on_abandon == OnAbandon::kCancel, " ", rules.max_waiters, " ",
                    rules.max_request_bytes, " ", rules.max_reply_bytes, " ", rules.unary, " ",
                    absl::FormatDuration(rules.open_reply_grace), " ", rules.gathers());
  }
  if (options.cache.has_value()) {
    const cache::FreshnessRules& rules = *options.cache;
    absl::StrAppend(&policy, "\ncache ", absl::FormatDuration(rules.ttl), " ",
                    absl::FormatDuration(rules.max_ttl.value_or(cache::DefaultMaxTtl(rules))), " ",
                    rules.override_reply, " ", rules.jitter);
    for (size_t i = 0; i < wire::kStatusCodes; ++i) {
      absl::StrAppend(&policy, " ",
                      absl::FormatDuration(rules.negative.of(static_cast<wire::StatusCode>(i))));
    }
    absl::StrAppend(&policy, " ", absl::FormatDuration(rules.stale_if_error), " ",
                    absl::FormatDuration(rules.stale_while_revalidate), " ",
                    rules.request_cache_control);
  }
  for (const model::FieldCondition& condition : options.match.fields) {
    absl::StrAppend(&policy, "\nfield ", ToText(condition), " at ", model::ToText(condition.path));
  }
  for (const model::FieldTemplate& tag : options.tags) {
    absl::StrAppend(&policy, "\ntag ", tag.text(), " of");
    for (const model::FieldPath& field : tag.fields()) {
      absl::StrAppend(&policy, " ", model::ToText(field));
    }
  }
  if (options.mode == Mode::kShadow) absl::StrAppend(&policy, "\nshadow");
  return policy;
}

std::shared_ptr<Verification> VerificationOf(const RouteOptions& options) {
  if (!options.verify.has_value()) return nullptr;
  return std::make_shared<Verification>(ToText(options.match), *options.verify);
}

std::shared_ptr<Shadow> ShadowOf(const RouteOptions& options) {
  if (options.mode != Mode::kShadow) return nullptr;
  return std::make_shared<Shadow>(ToText(options.match));
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

Route& Route::For(absl::string_view path) {
  if (by_method_.empty()) return *this;
  const auto found = by_method_.find(wire::WithoutPrefix(path));
  return found == by_method_.end() ? *this : *found->second;
}

void Route::NoteStream(absl::string_view path, base::Instant now) {
  const absl::optional<absl::Duration> length = streaming_methods_.Note(absl::HashOf(path), now);
  if (!length.has_value()) return;
  spdlog::log(flights.unary ? spdlog::level::warn : spdlog::level::info,
              "upstream '{}': {} replied with two messages{}; its calls are not shared for {}",
              shared.name, std::string(path.substr(0, 256)),
              options.unary   ? ", though its schema says that it is unary"
              : flights.unary ? ", though collapse.unary says that it is unary"
                              : "",
              absl::FormatDuration(*length));
}

void Route::NoteUnary(absl::string_view path) {
  if (streaming_methods_.size() > 0) streaming_methods_.Forget(absl::HashOf(path));
}

bool Route::Streams(absl::string_view path, base::Instant now) const {
  return streaming_methods_.size() > 0 && streaming_methods_.Holds(absl::HashOf(path), now);
}

Route& RouteTable::Add(RouteOptions options, size_t upstream, UpstreamBounds& shared,
                       model::KeyPolicy key_policy, const Route* before) {
  return routes_.emplace_back(routes_.size(), std::move(options), upstream, shared,
                              std::move(key_policy), before);
}

Route& RouteTable::AddFor(Route& route, const std::vector<std::string>& methods,
                          RouteOptions options, model::KeyPolicy key_policy) {
  Route& added = of_methods_.emplace_back(route.index, std::move(options), route.upstream,
                                          route.shared, std::move(key_policy), &route);
  for (const std::string& method : methods) route.by_method_[method] = &added;
  return added;
}

Route* RouteTable::Find(absl::string_view authority, absl::string_view path) {
  for (Route& route : routes_) {
    if (Matches(route.options.match, authority, path)) return &route.For(path);
  }
  return nullptr;
}

Route* RouteTable::Choose(const Route& first, absl::string_view authority, absl::string_view path,
                          absl::optional<absl::string_view> message) {
  for (size_t i = first.index; i < routes_.size(); ++i) {
    if (!Matches(routes_[i].options.match, authority, path)) continue;
    Route& route = routes_[i].For(path);  // whose fields have the numbers that they have there
    if (MatchesMessage(route.options.match, message)) return &route;
  }
  return nullptr;
}

}  // namespace singleflight::core
