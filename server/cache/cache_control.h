// Reads `cache-control` in replies (RFC 9111 §5.2.2), as far as it matters to a shared cache that
// does not revalidate.

#ifndef SINGLEFLIGHT_SERVER_CACHE_CACHE_CONTROL_H_
#define SINGLEFLIGHT_SERVER_CACHE_CACHE_CONTROL_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/model/headers.h"

namespace singleflight::cache {

// What the fields of both blocks say together.
struct CacheControl {
  bool no_store = false;    // no-store; no-cache; or nobody can tell: malformed, contradictory
  bool is_private = false;  // private
  bool malformed = false;   // the rest of a field could not be read: it may say anything
  absl::optional<absl::Duration> lifetime;  // s-maxage, or else max-age
};

// Either block of a reply may have such fields. Unknown directives are skipped, as RFC 9111 §5.2.3
// demands.
CacheControl ParseCacheControl(model::HeadersView initial, model::HeadersView trailing);

// Reads delta-seconds (RFC 9111 §1.2.2): digits; what is too large to count is a very long time.
absl::optional<absl::Duration> ParseDeltaSeconds(absl::string_view text);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_CACHE_CONTROL_H_
