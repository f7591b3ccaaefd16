// What the store and the read path cost, without sockets: a look-up that finds and one that does
// not, a reply that is kept, a caller that leads a flight and one that follows.

#include <benchmark/benchmark.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/cache/store.h"
#include "server/core/read_path.h"
#include "tests/core/fakes.h"

namespace singleflight::core {
namespace {

constexpr char kPath[] = "/shop.Catalog/Get";
constexpr cache::Origin kOrigin = {"catalog", "catalog:50051", kPath};
constexpr size_t kKeys = 1024;

std::vector<model::Key> Keys() {
  std::vector<model::Key> keys;
  for (size_t i = 0; i < kKeys; ++i) {
    keys.push_back({i * 0x9e3779b97f4a7c15u, absl::StrCat("key ", i, std::string(100, 'k'))});
  }
  return keys;
}

model::Reply Ok() {
  return model::MakeReply({HeadersOf({{":status", "200"}, {"content-type", "application/grpc"}}),
                           Framed(std::string(100, 'r')), HeadersOf({{"grpc-status", "0"}}), false,
                           nullptr});
}

void Put(cache::Store& store, const model::Key& key, const model::Reply& reply, base::Instant now) {
  store.Put(key, reply, {now, base::After(now, absl::Hours(1))}, {cache::MethodScope(kPath), {}},
            store.BeginFill());
}

void StoreHit(benchmark::State& state) {
  cache::Store store{cache::StoreOptions()};
  const std::vector<model::Key> keys = Keys();
  const base::Instant now;
  for (const model::Key& key : keys) Put(store, key, Ok(), now);
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(store.Find(keys[i++ % kKeys], kOrigin, now).reply);
}
BENCHMARK(StoreHit);

void StoreMiss(benchmark::State& state) {
  cache::Store store{cache::StoreOptions()};
  const std::vector<model::Key> keys = Keys();
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(store.Find(keys[i++ % kKeys], kOrigin, base::Instant()).purged);
  }
}
BENCHMARK(StoreMiss);

void StorePut(benchmark::State& state) {
  cache::Store store{cache::StoreOptions()};
  const std::vector<model::Key> keys = Keys();
  const model::Reply reply = Ok();
  size_t i = 0;
  for (auto _ : state) Put(store, keys[i++ % kKeys], reply, base::Instant());
}
BENCHMARK(StorePut);

// One flight of as many callers as the argument says, from the first caller's key to the last
// one's answer.
void Flight(benchmark::State& state) {
  RouteOptions options;
  options.collapse = CollapseOptions();
  UpstreamBounds shared("catalog", 1000, 1 << 30, 16);
  model::Fingerprints fingerprints;
  Route route(0, options, 0, shared, model::KeyPolicy({}, "catalog", 7, fingerprints));
  FakeLoop loop(0);
  FakeUpstream upstream;
  Flights flights;
  cache::Store store{cache::StoreOptions()};
  metrics::Counter shed;
  memory::Buffered buffered(AmpleBudget());
  ReadPath path({loop, flights, store, {&upstream}, MetricsOf(1), shed, "hop", buffered});
  const auto request = std::make_shared<const model::Request>(
      absl::get<model::Request>(model::ParseRequest(HeadersOf({{":method", "POST"},
                                                               {":scheme", "http"},
                                                               {":path", kPath},
                                                               {":authority", "shop.example"},
                                                               {"content-type", "application/grpc"},
                                                               {"te", "trailers"}}))));
  const base::Slice message(Framed("id-7"));
  const auto take = [&] { return message; };
  for (auto _ : state) {
    std::deque<TestWaiter> waiters;
    for (int64_t i = 0; i < state.range(0); ++i) {
      path.Serve(route, {kTrust, request, message.view(), take, {}, nullptr},
                 waiters.emplace_back(path));
    }
    upstream.latest().Answer("blue kettle");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Flight)->Arg(1)->Arg(1000)->Iterations(2000);

}  // namespace
}  // namespace singleflight::core

BENCHMARK_MAIN();
