#include "server/app/workers.h"

#include <pthread.h>

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"

namespace singleflight::app {
namespace {

constexpr std::chrono::milliseconds kPause(5);

}  // namespace

Workers::Workers(size_t count, Ledgers& ledgers, memory::BufferBudget& budget, uint64_t seed) {
  for (size_t i = 0; i < count; ++i) {
    each_.emplace_back(i, *ledgers.downstream[i], budget, seed + i);
  }
}

void Workers::Start() {
  running_ = true;
  for (Each& each : each_) {
    each.loop.Start();
    each.loop.Post([name = absl::StrCat("worker ", each.loop.index())] {
      ::pthread_setname_np(::pthread_self(), name.c_str());  // as top -H shows it
    });
  }
}

void Workers::Stop() {
  running_ = false;
  for (Each& each : each_) each.loop.Stop();
}

std::vector<net::Worker*> Workers::loops() {
  std::vector<net::Worker*> loops;
  for (Each& each : each_) loops.push_back(&each.loop);
  return loops;
}

proxy::Frontend& Workers::Least() {
  return std::min_element(each_.begin(), each_.end(),
                          [](const Each& a, const Each& b) {
                            return a.frontend.connections() < b.frontend.connections();
                          })
      ->frontend;
}

int64_t Workers::connections() const {
  int64_t connections = 0;
  for (const Each& each : each_) connections += each.frontend.connections();
  return connections;
}

int64_t Workers::untold_bytes() const {
  int64_t bytes = 0;
  for (const Each& each : each_) bytes += each.buffered.untold();
  return bytes;
}

void Workers::Drain() {
  ++draining_behind_;
  entry().Post([this] {
    OnEach([](proxy::Frontend& clients) { clients.Drain(); });
    --draining_behind_;
  });
}

void Workers::Settle() {
  OnEachNow([](proxy::Frontend&) {});
}

bool Workers::SettleUntil(absl::FunctionRef<bool()> settled, std::chrono::milliseconds patience) {
  for (auto left = patience; !settled(); left -= kPause) {
    Settle();
    if (settled()) return true;
    if (left <= kPause) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace singleflight::app
