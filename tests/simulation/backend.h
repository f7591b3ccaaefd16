// What backends do with the calls that they get: answer, in one piece or in many, fail, stream,
// answer too much, or nothing at all.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_BACKEND_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_BACKEND_H_

#include "tests/simulation/world.h"

namespace singleflight::simulation {

// Something happens to one of the calls of that loop. False: there is none.
bool BackendActs(World& world, size_t loop);

// All calls of that loop are answered. False: there was none.
bool BackendAnswersAll(World& world, size_t loop);

// To a call that is over, or that its caller has given up: a write is carried out all the same;
// frames come that nobody waits for.
void BackendIsLate(World& world);

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_BACKEND_H_
