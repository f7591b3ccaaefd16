#include <algorithm>
#include <utility>
#include <vector>

#include "tests/bench/programs/modes.h"

namespace singleflight::bench {
namespace {

using Calls = std::vector<MadeCall*>;

// A download is expected to be endless, because how it ends is the server's business: it may
// end after any message, or is ended by us.
Calls BeginStreams(Client& client, const Work& work) {
  const Body endless(work.stream_message, kEndless);
  const Body upload = work.messages > 0 ? Body(work.stream_message, work.messages) : endless;
  Calls calls;
  for (size_t i = 0; i < client.connections(); ++i) {
    MadeCall call = work.upload
                        ? MadeCall(MadeCall::Kind::kUpload, upload, Body(), Now())
                        : MadeCall(MadeCall::Kind::kDownload, work.requests.At(0), endless, Now());
    calls.push_back(&client.Begin(client.connection(i), std::move(call)));
  }
  return calls;
}

uint64_t Messages(const MadeCall& call, bool upload) {
  return (upload ? call.request : call.expected()).messages();
}

// Until the time is over, or all streams have had their messages, or have ended by themselves.
void Flow(Client& client, const Work& work, const Calls& calls, Nanos begin) {
  const auto had_all = [&](const MadeCall* call) {
    return call->ended() || Messages(*call, work.upload) >= work.messages;
  };
  client.RunUntil(
      [&] {
        return client.open() == 0 || (work.messages > 0 && !work.upload &&
                                      std::all_of(calls.begin(), calls.end(), had_all));
      },
      work.duration > 0 ? begin + work.duration : kNever);
}

void End(const Calls& calls, bool upload) {
  for (MadeCall* call : calls) {
    if (call->ended()) continue;
    if (upload) {
      call->EndUpload();
    } else {
      call->connection->Cancel(*call);
    }
  }
}

}  // namespace

Report RunStreams(Client& client, const Work& work) {
  const Nanos begin = Now();
  const Calls calls = BeginStreams(client, work);
  Flow(client, work, calls, begin);
  End(calls, work.upload);
  client.RunUntilAllEnded();
  const double seconds = Seconds(Now() - begin);
  uint64_t messages = 0;
  for (const MadeCall* call : calls) messages += Messages(*call, work.upload);
  client.Close();
  if (messages < work.messages * calls.size()) {
    client.tally().CountShort(work.messages * calls.size() - messages);
  }
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
