// A run from its beginning to its end or its first violation. Each takes place in a process of its
// own, so that one in which the product ends the program, or hangs, is a run like any other.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_RUN_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_RUN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/simulation.h"

namespace singleflight::simulation {

// All that decides what happens.
struct Script {
  uint64_t seed = 0;  // of the world
  std::vector<Ticket> tickets;
  Defect defect = Defect::kNone;
};

// With the steps that follow from the world's seed.
Script ScriptOf(uint64_t seed, size_t steps, Defect defect = Defect::kNone);

struct Outcome {
  std::string violation;  // empty: there was none
  size_t steps = 0;       // that were taken, the one with the violation included

  bool failed() const { return !violation.empty(); }
};

enum class Telling { kNothing, kErrors, kEverything };

// To stdout, where it tells everything.
Outcome Take(const Script& run, Telling telling);

// Takes steps out of a run that fails, for as long as it still fails without them.
Script Shorten(const Script& run);

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_RUN_H_
