// Reads `cache-control` in replies (RFC 9111 §5.2.2), as far as it matters to a shared cache that
// does not revalidate, and `singleflight-cache-control` (RFC 9213), which is for this cache alone.

#ifndef SINGLEFLIGHT_SERVER_CACHE_CACHE_CONTROL_H_
#define SINGLEFLIGHT_SERVER_CACHE_CACHE_CONTROL_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/model/headers.h"

namespace singleflight::cache {

// What backends tell this cache and no other. If it says anything, `cache-control` says nothing
// here (RFC 9213 §2.2). It goes no further than to this program.
inline constexpr absl::string_view kTargetedCacheControl = "singleflight-cache-control";

// What the fields of both blocks say together.
struct CacheControl {
  bool no_store = false;    // no-store; no-cache; or nobody can tell: malformed, contradictory
  bool is_private = false;  // private
  bool malformed = false;   // the rest of a field could not be read: it may say anything
  absl::optional<absl::Duration> lifetime;  // s-maxage, or else max-age

  // It is never served past its lifetime: must-revalidate, proxy-revalidate.
  bool must_revalidate = false;

  // Likewise, unless a directive below says otherwise: s-maxage (RFC 9111 §5.2.2.10).
  bool names_shared_lifetime = false;

  absl::optional<absl::Duration> stale_while_revalidate;  // RFC 5861 §3
  absl::optional<absl::Duration> stale_if_error;          // RFC 5861 §4
};

// Either block of a reply may have such fields. Unknown directives are skipped, as RFC 9111 §5.2.3
// demands. A targeted field that cannot be read forbids storing, as `cache-control` does; one that
// is empty says nothing.
CacheControl ParseCacheControl(model::HeadersView initial, model::HeadersView trailing);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_CACHE_CONTROL_H_
