#ifndef SINGLEFLIGHT_SERVER_CORE_ROUTE_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CORE_ROUTE_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/cache/freshness.h"
#include "server/model/key_rules.h"

namespace singleflight::core {

// What becomes of a flight that every waiter has left.
enum class OnAbandon {
  kCancel,    // upstream is reset
  kComplete,  // the call goes on, and newcomers may still join it
};

// `collapse:` of a route (docs/semantics.md §2).
struct CollapseOptions {
  // From the start of the flight to its last byte.
  absl::Duration flight_timeout = absl::Seconds(15);

  absl::Duration max_join_age = absl::Seconds(1);  // an older flight takes no newcomers
  OnAbandon on_abandon = OnAbandon::kCancel;
  // Declares that the methods are unary: a message that is whole and has no end yet, on either
  // side, is late then and nothing else.
  bool unary = false;
  // A reply with a whole message and no end for so long is taken for a stream.
  absl::Duration open_reply_grace = absl::Seconds(1);
  uint32_t max_waiters = 65536;           // the next caller starts the key's next flight
  uint64_t max_request_bytes = 4u << 20;  // a larger request is relayed
  uint64_t max_reply_bytes = 16u << 20;   // a larger reply cannot be shared
};

// `match:` of a route. In both patterns `*` stands for any run of characters.
struct MatchOptions {
  std::string method = "/*";  // "/package.Service/Method"

  // Compared without case. Without a port it matches any port.
  absl::optional<std::string> authority;
};

// One entry of `routes:`. The first route that matches a call serves it. `collapse` and `cache` are
// independent of each other.
struct RouteOptions {
  MatchOptions match;
  std::string upstream;  // names an entry of `upstreams:`
  absl::optional<CollapseOptions> collapse;
  absl::optional<cache::FreshnessRules> cache;
  model::KeyRules key;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_ROUTE_OPTIONS_H_
