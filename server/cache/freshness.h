// Decides whether a reply may be kept, and for how long (docs/semantics.md §4).

#ifndef SINGLEFLIGHT_SERVER_CACHE_FRESHNESS_H_
#define SINGLEFLIGHT_SERVER_CACHE_FRESHNESS_H_

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/cache/cache_control.h"
#include "server/cache/refusal.h"
#include "server/model/reply.h"

namespace singleflight::cache {

// `cache:` of a route (docs/semantics.md §4). Nothing in a reply turns storing on: this does.
struct FreshnessRules {
  absl::Duration ttl;                      // of a reply that names no lifetime itself; positive
  absl::optional<absl::Duration> max_ttl;  // of a reply that does; nothing: ten times `ttl`

  // `ttl` holds whatever lifetime the reply gives itself. What forbids storing still forbids it.
  bool override_reply = false;
};

// FreshnessRules::max_ttl if the route does not set it.
inline absl::Duration DefaultMaxTtl(const FreshnessRules& rules) { return 10 * rules.ttl; }

struct Verdict {
  absl::optional<Refusal> refusal;
  absl::Duration lifetime;  // positive if there is no refusal
};

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
// the route's `ttl`, which begins when the reply comes, only `age` counts.
Verdict Judge(const model::Reply& reply, const FreshnessRules& rules, const Age& age,
              absl::Duration on_the_way);

// The age that one block says.
absl::Duration AgeOf(model::HeadersView block);

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_FRESHNESS_H_
