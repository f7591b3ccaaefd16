// Three loops on three threads, for ThreadSanitizer.

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

// One loop with callers of its own and its own view of upstream, on a thread of its own.
class Shop {
 public:
  Shop(FakeLoop& loop, Flights& flights, cache::Store& store, Route& route)
      : loop_(loop),
        route_(route),
        path_({loop, flights, store, {&upstream_}, MetricsOf(1), shed_, "hop-1", buffered_}) {}

  // Callers come and go for 3,000 calls; then all those left are answered.
  void Run(std::atomic<int>& busy) {
    for (int i = 0; i < 3000; ++i) {
      const bool aboard = Ask(absl::StrCat("id-", random_() % 3));
      if (!aboard || (random_() % 4 == 0 && path_.Leave(route_, callers_.back()))) ++left_;
      if (random_() % 4 == 0) Work();
    }
    --busy;
    const auto goes_on = [&] {
      return Unserved() || upstream_.live() > 0 || path_.around().flights.flights() > 0;
    };
    while (busy > 0 || goes_on()) Work();
  }

  // Those that left or went on alone, and those that heard; each once.
  int served() const {
    int served = left_;
    for (const TestWaiter& caller : callers_) served += caller.heard();
    return served;
  }

 private:
  // False: it goes on alone. Mostly nothing has been proved against sharing.
  bool Ask(const std::string& id) {
    const auto request = std::make_shared<const model::Request>(absl::get<model::Request>(
        model::ParseRequest(HeadersOf({{":method", "POST"},
                                       {":scheme", "http"},
                                       {":path", kGet},
                                       {":authority", "shop.example"},
                                       {"content-type", "application/grpc"}}))));
    const base::Slice message(Framed(id));
    const auto take = [&] { return message; };
    if (random_() % 8 != 0) {
      route_.NoteUnary(kGet);
      route_.large_keys.Forget(path_.KeyFor(route_, kTrust, *request, message.view()).hash);
    }
    TestWaiter& caller = callers_.emplace_back(path_);
    return !GoesAlone(
        path_.Serve(route_, {kTrust, request, message.view(), take, {}, nullptr}, caller));
  }

  // Answers the flights that this loop leads, in one of the ways.
  void Work() {
    loop_.RunAll();
    for (FakeCall* call : std::vector<FakeCall*>(upstream_.live_calls())) {
      switch (random_() % 8) {
        case 0:
          call->Fail(UpstreamFailure::Kind::kLost);
          break;
        case 1:
          call->Begin();
          call->Data(Framed("one") + Framed("two"));
          call->End();
          break;
        case 2:
          call->TrailersOnly(wire::StatusCode::kNotFound, {{"grpc-retry-pushback-ms", "5"}});
          break;
        default:
          call->Answer("blue kettle");
      }
    }
  }

  bool Unserved() const { return served() < static_cast<int>(callers_.size()); }

  FakeLoop& loop_;
  Route& route_;
  FakeUpstream upstream_;
  metrics::Counter shed_;
  memory::Buffered buffered_{AmpleBudget()};
  ReadPath path_;
  std::mt19937 random_{static_cast<unsigned>(loop_.index())};
  std::deque<TestWaiter> callers_;
  int left_ = 0;
};

void CallOnThreeThreads(JoinRule join) {
  RouteOptions options;
  options.collapse = CollapseOptions();
  options.collapse->join = join;
  UpstreamBounds shared("catalog", 1000, 1 << 30, 16);
  model::Fingerprints fingerprints;
  Route route(0, options, 0, shared, model::KeyPolicy({}, "catalog", 7, fingerprints));
  std::array<FakeLoop, 3> loops{FakeLoop(0), FakeLoop(1), FakeLoop(2)};
  Flights flights;
  cache::Store store{cache::StoreOptions()};
  std::atomic<int> busy = 3;
  {
    std::deque<Shop> shops;
    for (FakeLoop& loop : loops) shops.emplace_back(loop, flights, store, route);
    std::vector<std::thread> threads;
    for (Shop& shop : shops) threads.emplace_back([&] { shop.Run(busy); });
    for (std::thread& thread : threads) thread.join();
    for (const Shop& shop : shops) EXPECT_EQ(shop.served(), 3000);
    for (FakeLoop& loop : loops) loop.RunAll();
  }
  EXPECT_EQ(flights.flights(), 0);
  EXPECT_EQ(flights.waiting(), 0);
  EXPECT_EQ(shared.flights.load(), 0);
  EXPECT_EQ(shared.held_bytes.load(), 0);
}

TEST(ThreadsTest, CallersOnThreeThreadsAllHearExactlyOneThing) {
  CallOnThreeThreads(JoinRule::kInFlight);
}

TEST(ThreadsTest, TheSameHoldsForThoseWhoGather) { CallOnThreeThreads(JoinRule::kBeforeStart); }

}  // namespace
}  // namespace singleflight::core
