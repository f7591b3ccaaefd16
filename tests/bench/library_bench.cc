// What a call of the library costs, to be compared with golang.org/x/sync/singleflight on the same
// machine in the same session (library_bench_test.go).

#include <benchmark/benchmark.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "singleflight/async_group.h"
#include "singleflight/group.h"
#include "singleflight/keyed_groups.h"
#include "tests/bench/programs/allocations.h"

namespace singleflight {
namespace {

using bench::CountAllocations;

constexpr int kThreads = 16;
constexpr uint32_t kKeys = 16 * 1024;

void LoneDo(benchmark::State& state) {
  KeyedGroups<uint32_t, int> groups;
  const CountAllocations counted(state);
  for (auto _ : state) benchmark::DoNotOptimize(groups.Do(1, [] { return 7; }).value);
}
BENCHMARK(LoneDo);

void LoneDoOfAString(benchmark::State& state) {
  KeyedGroups<std::string, int> groups;
  const std::string key = "key";
  const CountAllocations counted(state);
  for (auto _ : state) benchmark::DoNotOptimize(groups.Do(key, [] { return 7; }).value);
}
BENCHMARK(LoneDoOfAString);

void LoneDoOfAGroup(benchmark::State& state) {
  Group<int> group;
  const CountAllocations counted(state);
  for (auto _ : state) benchmark::DoNotOptimize(group.Do([] { return 7; }).value);
}
BENCHMARK(LoneDoOfAGroup);

void OneKey(benchmark::State& state) {
  static KeyedGroups<uint32_t, int> groups;
  const CountAllocations counted(state);
  for (auto _ : state) benchmark::DoNotOptimize(groups.Do(1, [] { return 7; }).value);
}
BENCHMARK(OneKey)->Threads(kThreads)->UseRealTime();

void ManyKeys(benchmark::State& state) {
  static KeyedGroups<uint32_t, int> groups;
  uint32_t random = static_cast<uint32_t>(state.thread_index()) * 7919;
  const CountAllocations counted(state);
  for (auto _ : state) {
    random = random * 1664525 + 1013904223;
    benchmark::DoNotOptimize(groups.Do((random >> 8) % kKeys, [] { return 7; }).value);
  }
}
BENCHMARK(ManyKeys)->Threads(kThreads)->UseRealTime();

using Flights = AsyncGroup<uint32_t, int>;

struct Caller : Flights::Waiter {
  void OnLanded(const int*) override { answered.store(true, std::memory_order_release); }
  std::atomic<bool> answered = true;
};

void LoneJoinAndLand(benchmark::State& state) {
  Flights flights;
  Caller caller;
  const CountAllocations counted(state);
  for (auto _ : state) flights.Join(1, caller, {}).landing.Land(7);
}
BENCHMARK(LoneJoinAndLand);

// One thread with an event loop. It has up to 64 calls of one key in the air, because an
// asynchronous caller blocks no thread. When it leads, it works once it has no place for another
// call: it spins for a microsecond, then lands. A call is over when it has been called back, and
// its place is taken by the next one.
class Loop {
 public:
  explicit Loop(Flights& flights) : flights_(flights) {}

  void Call() {
    Caller& caller = callers_[calls_++ % callers_.size()];
    RunUntilAnswered(caller);
    caller.answered.store(false, std::memory_order_relaxed);
    auto joined = flights_.Join(1, caller, {});
    if (joined.landing) led_ = std::move(joined.landing);
  }

  void RunUntilAllAreAnswered() {
    for (const Caller& caller : callers_) RunUntilAnswered(caller);
  }

 private:
  void RunUntilAnswered(const Caller& caller) {
    while (!caller.answered.load(std::memory_order_acquire)) RunOnce();
  }

  void RunOnce() {
    if (!led_) return std::this_thread::yield();
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(1);
    while (std::chrono::steady_clock::now() < end) {
    }
    led_.Land(7);
  }

  Flights& flights_;
  std::array<Caller, 64> callers_;
  size_t calls_ = 0;
  Flights::Landing led_;  // at most one: its flight can be joined until this thread lands it
};

// The peer is x/sync's own asynchronous call, DoChan, with as many calls in the air and its work,
// too, on another turn of the scheduler (`go`); and Do in as many goroutines. The faster one
// counts. One blocking caller per thread is what OneKey measures.
void JoinWithAMicrosecondOfWork(benchmark::State& state) {
  static Flights flights;
  Loop loop(flights);
  const CountAllocations counted(state);
  auto left = state.max_iterations;
  for (auto _ : state) {
    loop.Call();
    // Within the iteration: after it, this thread would wait for others that may wait for its work.
    if (--left == 0) loop.RunUntilAllAreAnswered();
  }
}
BENCHMARK(JoinWithAMicrosecondOfWork)->Threads(kThreads)->UseRealTime();

}  // namespace
}  // namespace singleflight

BENCHMARK_MAIN();
