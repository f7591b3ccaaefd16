// Decides whether a reply may be kept, and for how long (docs/semantics.md §4).

#ifndef SINGLEFLIGHT_SERVER_CACHE_FRESHNESS_H_
#define SINGLEFLIGHT_SERVER_CACHE_FRESHNESS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/cache/cache_control.h"
#include "server/cache/refusal.h"
#include "server/model/reply.h"

namespace singleflight::cache {

// `cache.negative` of a route: how long a reply with another status than OK is kept. Zero: it is
// not.
class NegativeTtls {
 public:
  // Statuses that are about one caller, its credentials, its quota or its patience, are nothing to
  // keep for others.
  static constexpr bool MayHave(wire::StatusCode code) {
    return code != wire::StatusCode::kOk && code != wire::StatusCode::kCancelled &&
           code != wire::StatusCode::kDeadlineExceeded &&
           code != wire::StatusCode::kUnauthenticated &&
           code != wire::StatusCode::kPermissionDenied &&
           code != wire::StatusCode::kResourceExhausted;
  }

  absl::Duration of(wire::StatusCode code) const { return ttls_[static_cast<size_t>(code)]; }
  void Set(wire::StatusCode code, absl::Duration ttl) { ttls_[static_cast<size_t>(code)] = ttl; }

  friend bool operator==(const NegativeTtls&, const NegativeTtls&) = default;

 private:
  std::array<absl::Duration, wire::kStatusCodes> ttls_;
};

// `cache:` of a route (docs/semantics.md §4). Nothing in a reply turns storing on: this does.
struct FreshnessRules {
  absl::Duration ttl;                      // of a reply that names no lifetime itself; positive
  absl::optional<absl::Duration> max_ttl;  // of a reply that does; nothing: ten times `ttl`

  // `ttl` holds whatever lifetime the reply gives itself. What forbids storing still forbids it.
  bool override_reply = false;

  // Up to so many parts of a million are taken off a lifetime, at random, so that replies that came
  // together are not asked for again together. At most half.
  uint32_t jitter = 0;

  NegativeTtls negative = {};

  // Callers may say by `cache-control` what they take of this cache.
  bool request_cache_control = true;

  // How long a reply whose time is over is served: while a new one is fetched, and if upstream
  // fails. A reply's own directive goes before each, up to the longer of it and the most that the
  // reply may ask for as a lifetime.
  absl::Duration stale_while_revalidate = {};
  absl::Duration stale_if_error = {};

  friend bool operator==(const FreshnessRules&, const FreshnessRules&) = default;
};

inline constexpr uint32_t kMostJitter = 500'000;

// FreshnessRules::max_ttl if the route does not set it.
inline absl::Duration DefaultMaxTtl(const FreshnessRules& rules) { return 10 * rules.ttl; }

// How long a reply may be served past its lifetime (RFC 5861).
struct Staleness {
  absl::Duration while_revalidate;  // while a new one is fetched
  absl::Duration if_error;          // when upstream fails

  friend bool operator==(const Staleness&, const Staleness&) = default;
};

struct Verdict {
  absl::optional<Refusal> refusal;
  absl::Duration lifetime;  // positive if there is no refusal
  Staleness stale = {};     // none for errors, nor where the reply forbids it
};

// `lifetime` less its jitter. `draw` is one of a million, drawn by lot.
absl::Duration Jittered(absl::Duration lifetime, const FreshnessRules& rules, uint32_t draw);

// How old a reply says it is (RFC 9111 §5.1). It reads the first member of the first `age` in each
// block, as the blocks come; of two blocks the older counts.
class Age {
 public:
  void Read(model::HeadersView block);

  absl::Duration value() const { return value_; }  // zero if it does not say, or says it wrongly
  bool malformed() const { return malformed_; }

 private:
  absl::Duration value_;
  bool malformed_ = false;
};

// Judges an upstream's reply. `age` is how old it says it is, `on_the_way` the time since it was
// asked for. Both count against a lifetime that the reply gives itself (RFC 9111 §4.2.3). Against
// the route's `ttl`, which begins when the reply comes, only `age` counts. A reply with another
// status than OK is kept for its negative ttl at most, whatever it says itself.
Verdict Judge(const model::Reply& reply, const FreshnessRules& rules, const Age& age,
              absl::Duration on_the_way);

// The age that one block says.
absl::Duration AgeOf(model::HeadersView block);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_FRESHNESS_H_
