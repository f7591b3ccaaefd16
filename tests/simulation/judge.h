// Says of each thing that the product does whether it may. What it holds the product to is in
// docs/semantics.md §2 to §5; README.md lists it.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_JUDGE_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_JUDGE_H_

#include "tests/simulation/caller.h"

namespace singleflight::simulation {

// What a caller gets from a flight or from the cache.
void JudgeAnswer(World& world, const Caller& caller, const core::Answer& answer);

// The first block of the reply to a call of the caller's own.
void JudgeOwnReply(World& world, const Caller& caller, model::HeadersView block);

// What a caller sends itself that its flight could not serve. `asked`: what its leader asked.
void JudgeReleased(World& world, const Caller& caller, const core::Question& asked);

// A call that has just been sent.
void JudgeSent(World& world, const Sent& sent);

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_JUDGE_H_
