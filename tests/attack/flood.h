#ifndef SINGLEFLIGHT_TESTS_ATTACK_FLOOD_H_
#define SINGLEFLIGHT_TESTS_ATTACK_FLOOD_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/programs/event_loop.h"

namespace singleflight::attack {

// What one hostile client after the other does: on how many connections at a time, and what each of
// them sends. A connection that the peer ends is replaced immediately.
struct Flood {
  enum class Reads { kNothing, kEverything, kUntilAnswered };  // the last: then it hangs up

  absl::string_view name;
  int connections;
  Reads reads;

  // The first bytes of a connection.
  std::function<std::string()> opening;

  // What follows, by how often it was asked for on this connection; without it, nothing does.
  std::function<std::string(uint64_t turn)> more = nullptr;

  // Between one of these and the next; 0: as fast as the peer takes them.
  bench::Nanos pause = 0;
};

// Methods that a flood calls; the peer shares calls of the first, and replies to the second are
// large.
inline constexpr absl::string_view kShared = "/bench.Shared/Get";
inline constexpr absl::string_view kLarge = "/bench.Large/Get";
inline constexpr absl::string_view kRelayed = "/bench.Bench/Get";

const std::vector<Flood>& Floods();

}  // namespace singleflight::attack

#endif  // SINGLEFLIGHT_TESTS_ATTACK_FLOOD_H_
