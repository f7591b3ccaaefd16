// Reads `cache-control` in requests (RFC 9111 §5.2.1): what one caller wants of this cache.

#ifndef SINGLEFLIGHT_SERVER_CACHE_REQUEST_CONTROL_H_
#define SINGLEFLIGHT_SERVER_CACHE_REQUEST_CONTROL_H_

#include "absl/time/time.h"
#include "server/base/timer_queue.h"
#include "server/model/headers.h"

namespace singleflight::cache {

struct Lifespan;

struct RequestControl {
  bool no_store = false;        // its reply is kept for nobody
  bool no_cache = false;        // it takes nothing that is kept; also: nobody can tell
  bool only_if_cached = false;  // it takes nothing else

  absl::Duration max_age = absl::InfiniteDuration();  // it takes nothing older
  absl::Duration min_fresh = absl::ZeroDuration();    // nothing that is over sooner

  // Nothing that has been over for longer. Not said: what the cache serves stale by itself.
  absl::optional<absl::Duration> max_stale;

  // Whether it takes less than others do, so that it may have passed by what is kept.
  bool takes_less() const {
    return no_cache || max_age != absl::InfiniteDuration() || min_fresh != absl::ZeroDuration();
  }

  // Whether it says how old or how stale a reply may be, and not only where it may come from.
  bool limits_freshness() const {
    return max_age != absl::InfiniteDuration() || min_fresh != absl::ZeroDuration() ||
           max_stale.has_value();
  }

  // Whether it takes a reply of that lifespan. `served_stale`: the cache would serve it by itself,
  // `may_be_stale`: nothing forbids to, if the caller asks for that.
  bool Takes(const Lifespan& lifespan, base::Instant now, bool served_stale,
             bool may_be_stale) const;
};

// Unknown directives are skipped. What cannot be read, or contradicts itself, counts as no-cache:
// upstream's reply is right whatever was meant.
RequestControl ParseRequestControl(model::HeadersView fields);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_REQUEST_CONTROL_H_
