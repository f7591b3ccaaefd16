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
  std::atomic<bool> answered = false;
};

void LoneJoinAndLand(benchmark::State& state) {
  Flights flights;
  Caller caller;
  const CountAllocations counted(state);
  for (auto _ : state) flights.Join(1, caller, {}).landing.Land(7);
}
BENCHMARK(LoneJoinAndLand);

// Like an event loop, each thread has many calls in the air and waits only when its oldest is not
// answered yet. A leader works for a microsecond.
void JoinWithAMicrosecondOfWork(benchmark::State& state) {
  static Flights flights;
  const auto answered = [](const Caller& caller) {
    while (!caller.answered.load(std::memory_order_acquire)) std::this_thread::yield();
  };
  std::array<Caller, 64> callers;
  for (Caller& caller : callers) caller.answered = true;
  size_t next = 0;
  const CountAllocations counted(state);
  for (auto _ : state) {
    Caller& caller = callers[next++ % callers.size()];
    answered(caller);
    caller.answered.store(false, std::memory_order_relaxed);
    auto joined = flights.Join(1, caller, {});
    if (!joined.landing) continue;
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(1);
    while (std::chrono::steady_clock::now() < end) {
    }
    joined.landing.Land(7);
  }
  for (Caller& caller : callers) answered(caller);
}
BENCHMARK(JoinWithAMicrosecondOfWork)->Threads(kThreads)->UseRealTime();

}  // namespace
}  // namespace singleflight

BENCHMARK_MAIN();
