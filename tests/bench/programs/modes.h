#ifndef SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_MODES_H_
#define SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_MODES_H_

#include "tests/bench/programs/client.h"
#include "tests/bench/programs/tally.h"
#include "tests/bench/programs/work.h"

namespace singleflight::bench {

// Each runs a connected client to its end and reports. Whether all calls were right is in the
// client's tally.

// All streams together, one identical call each, each request of `work` in turn: when one wave has
// been answered, the next sets off.
Report RunWaves(Client& client, const Work& work);

// All streams busy: each that is answered calls again.
Report RunClosedLoop(Client& client, const Work& work);

// Calls set off at a fixed rate whatever becomes of them. Latency counts from when a call was due,
// so that a server that stalls does not hide the calls that it held up.
Report RunOpenLoop(Client& client, const Work& work);

// One stream of messages on each stream, down or up.
Report RunStreams(Client& client, const Work& work);

// Holds connections, and calls that wait if so asked, until stdin closes or a signal comes.
Report RunIdle(Client& client, const Work& work);

}  // namespace singleflight::bench

#endif  // SINGLEFLIGHT_TESTS_BENCH_PROGRAMS_MODES_H_
