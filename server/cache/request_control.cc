#include "server/cache/request_control.h"

#include "absl/strings/match.h"
#include "server/cache/directives.h"
#include "server/cache/entry.h"

namespace singleflight::cache {
namespace {

class RequestReading {
 public:
  void Read(absl::string_view text) {
    DirectiveReader reader(text, false);
    absl::string_view name;
    absl::optional<absl::string_view> argument;
    while (reader.Next(&name, &argument)) Take(name, argument);
    doubtful_ = doubtful_ || reader.malformed();
  }

  RequestControl Result() const {
    RequestControl result = control_;
    result.no_cache = control_.no_cache || doubtful_;
    result.max_age = max_age_.value_or(absl::InfiniteDuration());
    result.min_fresh = min_fresh_.value_or(absl::ZeroDuration());
    return result;
  }

 private:
  void Take(absl::string_view name, absl::optional<absl::string_view> argument) {
    if (absl::EqualsIgnoreCase(name, "no-store")) {
      control_.no_store = true;
    } else if (absl::EqualsIgnoreCase(name, "no-cache")) {
      control_.no_cache = true;
    } else if (absl::EqualsIgnoreCase(name, "only-if-cached")) {
      control_.only_if_cached = true;
    } else if (absl::EqualsIgnoreCase(name, "max-age")) {
      TakeTime(argument.value_or(""), max_age_);
    } else if (absl::EqualsIgnoreCase(name, "min-fresh")) {
      TakeTime(argument.value_or(""), min_fresh_);
    } else if (absl::EqualsIgnoreCase(name, "max-stale")) {
      if (argument.has_value()) return TakeTime(*argument, control_.max_stale);
      control_.max_stale = absl::InfiniteDuration();
    }
  }

  void TakeTime(absl::string_view argument, absl::optional<absl::Duration>& time) {
    const absl::optional<absl::Duration> read = ParseDeltaSeconds(argument);
    doubtful_ = doubtful_ || !read.has_value() || (time.has_value() && *time != *read);
    time = read;
  }

  RequestControl control_;
  absl::optional<absl::Duration> max_age_, min_fresh_;
  bool doubtful_ = false;
};

}  // namespace

// RFC 9111 §5.2.1.1 to §5.2.1.3. A caller that limits an age, and says nothing of stale replies,
// wants none.
bool RequestControl::Takes(const Lifespan& lifespan, base::Instant now, bool served_stale,
                           bool may_be_stale) const {
  if (no_cache) return false;
  if (absl::FromChrono(now - lifespan.born) > max_age) return false;
  const absl::Duration left = absl::FromChrono(lifespan.expires - now);
  if (left > absl::ZeroDuration()) return left >= min_fresh;
  if (min_fresh > absl::ZeroDuration()) return false;
  if (max_stale.has_value()) return may_be_stale && -left <= *max_stale;
  return served_stale && !limits_freshness();
}

RequestControl ParseRequestControl(model::HeadersView fields) {
  RequestReading reading;
  for (const model::Field field : fields) {
    if (field.name == "cache-control") reading.Read(field.value);
  }
  return reading.Result();
}

}  // namespace singleflight::cache
