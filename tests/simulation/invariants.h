// What must hold whatever has happened.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_INVARIANTS_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_INVARIANTS_H_

#include "tests/simulation/world.h"

namespace singleflight::simulation {

// After every step: nobody waits for too long, and what is counted adds up as far as is known.
void CheckStep(World& world);

// Now and then, as it takes longer: what newcomers find.
void CheckJoinable(World& world);

// When nothing is posted: nobody has to call for those that have left.
void CheckAbandoned(World& world);

// When no call goes on and nothing is posted: nothing is held, everything adds up.
void CheckQuiet(World& world);

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_INVARIANTS_H_
