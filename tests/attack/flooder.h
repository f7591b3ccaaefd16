#ifndef SINGLEFLIGHT_TESTS_ATTACK_FLOODER_H_
#define SINGLEFLIGHT_TESTS_ATTACK_FLOODER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/attack/flood.h"
#include "tests/bench/programs/event_loop.h"

namespace singleflight::attack {

// What a flood came to.
struct Harm {
  uint64_t connections = 0;    // made
  uint64_t ended_by_peer = 0;  // of them, before the flood was over
  uint64_t bytes = 0;          // sent
};

// Runs a flood until `deadline` or a signal. Errors: no connection can be made.
absl::StatusOr<Harm> Run(const Flood& flood, const std::string& target, bench::Nanos deadline);

}  // namespace singleflight::attack

#endif  // SINGLEFLIGHT_TESTS_ATTACK_FLOODER_H_
