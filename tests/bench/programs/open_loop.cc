#include <cmath>

#include "tests/bench/programs/modes.h"

namespace singleflight::bench {
namespace {

// When call `i` of a run that began at `begin` is due.
Nanos Due(Nanos begin, uint64_t i, double rate) {
  return begin + static_cast<Nanos>(static_cast<double>(i) / rate * 1e9);
}

void RunAtRate(Client& client, const Work& work, uint64_t calls, Nanos begin) {
  for (uint64_t i = 0; i < calls;) {
    const Nanos now = Now();
    for (; i < calls && Due(begin, i, work.rate) <= now; ++i) {
      // A deadline runs from when the call is made.
      const Nanos begun = work.deadline > 0 ? Now() : Due(begin, i, work.rate);
      client.Begin(client.connection(i % client.connections()), work.Call(i, begun));
    }
    if (!client.Turn(Due(begin, i, work.rate))) return;
  }
  client.RunUntilAllEnded();
}

}  // namespace

Report RunOpenLoop(Client& client, const Work& work) {
  const uint64_t calls =
      work.calls > 0 ? work.calls : std::llround(work.rate * Seconds(work.duration));
  const Nanos begin = Now();
  RunAtRate(client, work, calls, begin);
  client.Close();
  Tally& tally = client.tally();
  const double seconds = Seconds(tally.last_answer() - begin);
  Report report;
  tally.AddCounts(report);
  report.Add("seconds", seconds);
  report.Add("wanted_calls_per_second", work.rate);
  report.Add("calls_per_second", static_cast<double>(tally.ended()) / seconds);
  tally.AddLongest(report);
  tally.AddEnds(report);
  tally.AddLatencies(report);
  return report;
}

}  // namespace singleflight::bench
