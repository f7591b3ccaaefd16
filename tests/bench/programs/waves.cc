#include "tests/bench/programs/modes.h"

namespace singleflight::bench {
namespace {

struct Wave {
  Nanos first_send = 0;
  Nanos all_sent = 0;
};

Wave RunWave(Client& client, const Work& work, uint64_t i) {
  const uint64_t sent_before = client.sent();
  client.BeginEverywhere(UINT64_MAX, [&] { return work.Call(i, Now()); });
  Wave wave = {.first_send = Now()};
  const uint64_t all = sent_before + client.open();
  client.RunUntil([&] { return client.sent() >= all; });
  wave.all_sent = Now();
  client.RunUntilAllEnded();
  return wave;
}

}  // namespace

Report RunWaves(Client& client, const Work& work) {
  const Nanos begin = Now();
  Wave wave;
  for (uint64_t i = 0; i < work.requests.count() && !client.over(); ++i) {
    wave = RunWave(client, work, i);
    if (client.open() > 0) break;
  }
  client.Close();
  Tally& tally = client.tally();
  const double seconds = Seconds(tally.last_answer() - begin);
  Report report;
  tally.AddCounts(report);
  report.Add("bytes", tally.bytes());
  report.Add("seconds", seconds);
  report.Add("calls_per_second", static_cast<double>(tally.ended()) / seconds);
  report.Add("bytes_per_second", static_cast<double>(tally.bytes()) / seconds);
  if (work.requests.count() == 1) {
    report.Add("all_sent_ms", Millis(wave.all_sent - wave.first_send));
    report.Add("first_reply_ms", Millis(tally.first_answer() - wave.first_send));
    report.Add("first_to_last_ms", Millis(tally.last_answer() - tally.first_answer()));
  }
  tally.AddLatencies(report);
  return report;
}

}  // namespace singleflight::bench
