// The configurations that a world may have, one after another, by reloads.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_CONFIGURATION_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_CONFIGURATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/core/route_options.h"
#include "tests/simulation/ask.h"

namespace singleflight::simulation {

// Each bit of a configuration's number is one difference.
enum Difference : size_t {
  kLongTtl = 1,  // two seconds, less jitter, in place of 400 ms; errors are kept, too
  kStale = 2,    // replies are served while a new one is fetched, and when upstream fails
  kIgnores = 4,  // a device, and field 2 of the message, do not count
  kTight = 8,    // small bounds; calls are retried and hedged; abandoned ones go on
};
inline constexpr size_t kConfigurations = 16;

// No time within which the proxy ends something is longer than this, but for the 15 s of a refresh
// without `collapse`.
inline constexpr absl::Duration kFlightTimeout = absl::Seconds(2);
inline constexpr absl::Duration kMaxJoinAge = absl::Milliseconds(300);

// Larger than what is counted while it is written (memory::kSmallReplyBytes).
inline constexpr uint64_t kMaxReplyBytes = 6000;

struct Configuration {
  size_t number;
  std::vector<core::RouteOptions> routes;  // by Method
  int64_t max_flights = 1000;              // these of each upstream
  int64_t max_held_bytes = 1 << 20;
  size_t release_concurrency = 2;
};

Configuration MakeConfiguration(size_t number);

// What calls of a route share with those of another, or with those of the same route under another
// configuration: nothing, unless these are equal.
std::string PolicyTextOf(const core::RouteOptions& route);

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_CONFIGURATION_H_
