#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "tests/bench/programs/modes.h"

namespace singleflight::bench {
namespace {

// Knows when stdin has been closed. A file, /dev/null for one, counts as open for ever.
class Stdin final : public EventLoop::Handler {
 public:
  explicit Stdin(EventLoop& loop) { loop.Watch(STDIN_FILENO, EPOLLIN, this); }

  void OnEvents(uint32_t) override {
    char ignored[4096];
    closed_ = read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
  }

  bool closed() const { return closed_; }

 private:
  bool closed_ = false;
};

bool Prepare(Client& client, const Work& work) {
  for (size_t i = 0; i < client.connections() && work.calls > 0; ++i) {
    client.Begin(client.connection(i), work.Call(i, Now()));
  }
  if (!client.RunUntilAllEnded() || !client.tally().AllRight()) return false;
  if (!work.waiting) return true;
  const uint64_t sent_before = client.sent();
  client.BeginEverywhere(UINT64_MAX, [&] { return work.Call(0, Now()); });
  const uint64_t all = sent_before + client.open();
  return client.RunUntil([&] { return client.sent() >= all; });
}

void Hold(Client& client) {
  std::printf("ready: %zu connections, %s calls waiting\n", client.connections(),
              std::to_string(client.open()).c_str());
  std::fflush(stdout);
  client.LiftDeadline();
  Stdin in(client.loop());
  client.RunUntil([&] { return in.closed(); });
}

}  // namespace

Report RunIdle(Client& client, const Work& work) {
  if (Prepare(client, work)) {
    Hold(client);
    if (!client.lost().empty()) {
      client.tally().CountLost(std::max<uint64_t>(1, client.open()), client.lost());
    }
  } else {
    client.Close();
  }
  Report report;
  client.tally().AddCounts(report);
  report.Add("connections", static_cast<uint64_t>(client.connections()));
  report.Add("waiting", client.open());
  return report;
}

}  // namespace singleflight::bench
