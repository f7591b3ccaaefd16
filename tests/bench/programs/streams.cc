#include <vector>

#include "tests/bench/programs/modes.h"

namespace singleflight::bench {
namespace {

std::vector<MadeCall*> BeginStreams(Client& client, const Work& work) {
  const Body messages(work.stream_message, work.messages > 0 ? work.messages : kEndless);
  std::vector<MadeCall*> calls;
  for (size_t i = 0; i < client.connections(); ++i) {
    MadeCall call = work.upload
                        ? MadeCall(MadeCall::Kind::kUpload, messages, Body(), Now())
                        : MadeCall(MadeCall::Kind::kPlain, work.requests.At(0), messages, Now());
    calls.push_back(&client.Begin(client.connection(i), std::move(call)));
  }
  return calls;
}

void End(MadeCall& call, bool upload) {
  if (upload) {
    call.EndUpload();
  } else {
    call.connection->Cancel(call);
  }
}

}  // namespace

Report RunStreams(Client& client, const Work& work) {
  const Nanos begin = Now();
  const std::vector<MadeCall*> calls = BeginStreams(client, work);
  if (work.duration > 0) {
    client.RunUntil([&] { return client.open() == 0; }, begin + work.duration);
    for (MadeCall* call : calls) End(*call, work.upload);
  }
  client.RunUntilAllEnded();
  const double seconds = Seconds(Now() - begin);
  uint64_t messages = 0;
  for (const MadeCall* call : calls) {
    messages += (work.upload ? call->request : call->expected()).messages();
  }
  client.Close();
  const uint64_t bytes = messages * work.stream_message.size();
  Report report;
  client.tally().AddCounts(report);
  report.Add("messages", messages);
  report.Add("bytes", bytes);
  report.Add("seconds", seconds);
  report.Add("mb_per_second", static_cast<double>(bytes) / 1e6 / seconds);
  return report;
}

}  // namespace singleflight::bench
