// Reads `cache-control` directive by directive. Anything that cannot be read, and any
// contradiction, forbids storing.

#include "server/cache/cache_control.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "server/cache/directives.h"

namespace singleflight::cache {
namespace {

// Gathers what several fields say, directive by directive.
class Gathering {
 public:
  void Read(absl::string_view text, bool structured) {
    DirectiveReader reader(text, structured);
    absl::string_view name;
    absl::optional<absl::string_view> argument;
    while (reader.Next(&name, &argument)) Take(name, argument);
    malformed_ = malformed_ || reader.malformed();
  }

  CacheControl Result() const {
    CacheControl result;
    result.is_private = private_;
    result.lifetime = shared_max_age_.has_value() ? shared_max_age_ : max_age_;
    result.no_store = no_store_ || doubtful_ || malformed_;
    result.malformed = malformed_;
    result.must_revalidate = must_revalidate_;
    result.names_shared_lifetime = shared_max_age_.has_value();
    result.stale_while_revalidate = stale_while_revalidate_;
    result.stale_if_error = stale_if_error_;
    return result;
  }

 private:
  void Take(absl::string_view name, absl::optional<absl::string_view> argument) {
    if (absl::EqualsIgnoreCase(name, "no-store") || absl::EqualsIgnoreCase(name, "no-cache")) {
      no_store_ = true;
    } else if (absl::EqualsIgnoreCase(name, "private")) {
      private_ = true;
    } else if (absl::EqualsIgnoreCase(name, "max-age")) {
      TakeAge(argument, max_age_);
    } else if (absl::EqualsIgnoreCase(name, "s-maxage")) {
      TakeAge(argument, shared_max_age_);
    } else if (absl::EqualsIgnoreCase(name, "must-revalidate") ||
               absl::EqualsIgnoreCase(name, "proxy-revalidate")) {
      must_revalidate_ = true;
    } else if (absl::EqualsIgnoreCase(name, "stale-while-revalidate")) {
      TakeAge(argument, stale_while_revalidate_);
    } else if (absl::EqualsIgnoreCase(name, "stale-if-error")) {
      TakeAge(argument, stale_if_error_);
    } else if (absl::EqualsIgnoreCase(name, "public")) {
      doubtful_ = doubtful_ || argument.has_value();
    }
  }

  // The same directive twice with different values is a contradiction.
  void TakeAge(absl::optional<absl::string_view> argument, absl::optional<absl::Duration>& age) {
    const absl::optional<absl::Duration> read = ParseDeltaSeconds(argument.value_or(""));
    doubtful_ = doubtful_ || !read.has_value() || (age.has_value() && *age != *read);
    age = read;
  }

  bool no_store_ = false;
  bool private_ = false;
  bool doubtful_ = false;
  bool malformed_ = false;
  absl::optional<absl::Duration> max_age_;
  absl::optional<absl::Duration> shared_max_age_;
  bool must_revalidate_ = false;
  absl::optional<absl::Duration> stale_while_revalidate_;
  absl::optional<absl::Duration> stale_if_error_;
};

// Whether there is more in it than empty list elements.
bool SaysAnything(absl::string_view value) {
  return value.find_first_not_of(" \t,") != absl::string_view::npos;
}

bool IsTargeted(model::HeadersView initial, model::HeadersView trailing) {
  for (const model::HeadersView block : {initial, trailing}) {
    for (const model::Field field : block) {
      if (field.name == kTargetedCacheControl && SaysAnything(field.value)) return true;
    }
  }
  return false;
}

}  // namespace

CacheControl ParseCacheControl(model::HeadersView initial, model::HeadersView trailing) {
  const bool targeted = IsTargeted(initial, trailing);
  const absl::string_view name = targeted ? kTargetedCacheControl : "cache-control";
  Gathering gathering;
  for (const model::HeadersView block : {initial, trailing}) {
    for (const model::Field field : block) {
      if (field.name == name) gathering.Read(field.value, targeted);
    }
  }
  return gathering.Result();
}

}  // namespace singleflight::cache
