#include "tests/bench/programs/modes.h"

namespace singleflight::bench {
namespace {

void Loop(Client& client, const Work& work, uint64_t calls, Nanos until) {
  uint64_t begun = 0;
  client.on_ended = [&](ClientConnection& connection) {
    if (begun == calls || client.loop().turn_began() >= until) return;
    client.Begin(connection, work.Call(begun++, Now()));
  };
  client.BeginEverywhere(calls, [&] { return work.Call(begun++, Now()); });
  client.RunUntilAllEnded();
  client.on_ended = nullptr;
}

}  // namespace

Report RunClosedLoop(Client& client, const Work& work) {
  if (work.warmup > 0) {
    Loop(client, work, work.warmup, kNever);
    if (client.tally().AllRight() && client.open() == 0) client.StartCounting();
  }
  const Nanos begin = Now();
  const Nanos until = work.duration > 0 ? begin + work.duration : kNever;
  if (client.open() == 0) Loop(client, work, work.calls > 0 ? work.calls : UINT64_MAX, until);
  client.Close();
  Tally& tally = client.tally();
  const double seconds = Seconds(tally.last_answer() - begin);
  Report report;
  tally.AddCounts(report);
  report.Add("seconds", seconds);
  report.Add("calls_per_second", static_cast<double>(tally.ended()) / seconds);
  tally.AddLatencies(report);
  return report;
}

}  // namespace singleflight::bench
