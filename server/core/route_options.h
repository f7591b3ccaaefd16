#ifndef SINGLEFLIGHT_SERVER_CORE_ROUTE_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CORE_ROUTE_OPTIONS_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/cache/freshness.h"
#include "server/model/field_condition.h"
#include "server/model/field_template.h"
#include "server/model/key_rules.h"
#include "server/model/reply_print.h"
#include "server/wire/status.h"

namespace singleflight::core {

// What becomes of a flight that every waiter has left.
enum class OnAbandon {
  kCancel,    // upstream is reset
  kComplete,  // the call goes on, and newcomers may still join it
};

// Which flights a caller may join.
enum class JoinRule {
  kInFlight,     // any, until it lands
  kBeforeStart,  // those whose call has not been sent: no reply is older than its caller's question
};

// `collapse.hedge:` of a route (docs/semantics.md §9).
struct HedgeOptions {
  // How long a flight's call may bring nothing. Nothing: as long as 95 in a hundred of the latest
  // calls of the route took.
  absl::optional<absl::Duration> after;

  uint32_t budget = 50'000;  // hedges, of a million flights of the route lately

  friend bool operator==(const HedgeOptions&, const HedgeOptions&) = default;
};

// Which calls of a route share flights.
enum class SharedMethods {
  kAll,
  kIdempotent,  // those of methods that a schema marks NO_SIDE_EFFECTS; the others are relayed
};

// `collapse:` of a route (docs/semantics.md §2).
struct CollapseOptions {
  // From the start of the flight to its last byte.
  absl::Duration flight_timeout = absl::Seconds(15);

  // An older flight takes no newcomers. Under kBeforeStart, the next one waits no longer for it.
  absl::Duration max_join_age = absl::Seconds(1);
  OnAbandon on_abandon = OnAbandon::kCancel;
  // Declares that the methods are unary: a message that is whole and has no end yet, on either
  // side, is late then and nothing else.
  bool unary = false;
  // A reply with a whole message and no end for so long is taken for a stream.
  absl::Duration open_reply_grace = absl::Seconds(1);
  uint32_t max_waiters = 65536;           // the next caller starts the key's next flight
  uint64_t max_request_bytes = 4u << 20;  // a larger request is relayed
  uint64_t max_reply_bytes = 16u << 20;   // a larger reply cannot be shared
  absl::optional<HedgeOptions> hedge = absl::nullopt;
  JoinRule join = JoinRule::kInFlight;
  SharedMethods methods = SharedMethods::kAll;

  bool gathers() const { return join == JoinRule::kBeforeStart; }

  friend bool operator==(const CollapseOptions&, const CollapseOptions&) = default;
};

// Status codes, some of all.
class StatusSet {
 public:
  constexpr StatusSet() = default;
  constexpr StatusSet(std::initializer_list<wire::StatusCode> codes) {
    for (wire::StatusCode code : codes) Add(code);
  }
  constexpr void Add(wire::StatusCode code) { bits_ |= BitOf(code); }
  constexpr bool has(wire::StatusCode code) const { return (bits_ & BitOf(code)) != 0; }
  friend bool operator==(const StatusSet&, const StatusSet&) = default;

 private:
  static constexpr uint32_t BitOf(wire::StatusCode code) {
    return uint32_t{1} << static_cast<uint32_t>(code);
  }
  uint32_t bits_ = 0;
};

// `retry:` of a route (docs/semantics.md §9).
struct RetryOptions {
  StatusSet codes{wire::StatusCode::kUnavailable};
  uint32_t attempts = 2;  // how often a call is sent at most, the first time included (gRPC A6)

  // The most to wait before the second attempt. It doubles with each one after that.
  absl::Duration backoff = absl::Milliseconds(50);
  absl::Duration max_backoff = absl::Seconds(1);

  uint32_t budget = 100'000;  // retries, of a million calls that the upstream got lately

  friend bool operator==(const RetryOptions&, const RetryOptions&) = default;
};

// `match:` of a route. In both patterns `*` stands for any run of characters.
struct MatchOptions {
  std::string method = "/*";  // "/package.Service/Method"

  // Compared without case. Without a port it matches any port.
  absl::optional<std::string> authority;

  // All of them have to hold. The route can be chosen when the message is there, then, and no
  // sooner.
  std::vector<model::FieldCondition> fields = {};

  friend bool operator==(const MatchOptions&, const MatchOptions&) = default;
};

// What metrics, logs and people call a route: "*.shop.example/shop.Catalog/Get*?7=true".
std::string ToText(const MatchOptions& match);

// `mode:` of a route.
enum class Mode {
  kLive,    // as it says
  kShadow,  // every call is relayed, and it is counted what collapse and cache would have saved
};

// One entry of `routes:`. The first route that matches a call serves it. `collapse` and `cache` are
// independent of each other.
struct RouteOptions {
  MatchOptions match;
  std::string upstream;  // names an entry of `upstreams:`
  absl::optional<CollapseOptions> collapse;
  absl::optional<cache::FreshnessRules> cache;
  model::KeyRules key;
  absl::optional<RetryOptions> retry = absl::nullopt;

  // `cache.tags`: groups that its replies are in, by their requests.
  std::vector<model::FieldTemplate> tags = {};

  // Groups that its calls drop: they are writes. Never beside `collapse` or `cache`.
  std::vector<model::FieldTemplate> invalidates = {};

  Mode mode = Mode::kLive;

  // So many of a million followers and hits are checked. Nothing: none are.
  absl::optional<uint32_t> verify = absl::nullopt;

  // What replies to the same call differ in.
  model::VolatileRules volatiles = {};

  bool unary = false;  // its methods are known to be: by a schema, and not from the file

  friend bool operator==(const RouteOptions&, const RouteOptions&) = default;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_ROUTE_OPTIONS_H_
