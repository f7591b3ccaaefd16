// Three loops on three threads that keep replies and purge them, for ThreadSanitizer.

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

constexpr size_t kKeys = 4;
constexpr int kCalls = 3000;

// What all threads know: of each key, the number that the store had reached when the latest purge
// began that is known to have returned.
struct Floors {
  uint64_t Of(size_t key) const { return of[key].load(std::memory_order_acquire); }
  void Raise(size_t key, uint64_t to) {
    uint64_t now = Of(key);
    while (now < to && !of[key].compare_exchange_weak(now, to, std::memory_order_acq_rel)) {
    }
  }
  std::array<std::atomic<uint64_t>, kKeys> of{};
};

// One loop with callers of its own and its own view of upstream, on a thread of its own. Replies
// say which key they are for, and a number that the store had reached when they were asked for.
class StoreShop {
 public:
  StoreShop(FakeLoop& loop, Flights& flights, cache::Store& store, Route& route, Floors& floors)
      : loop_(loop),
        store_(store),
        route_(route),
        floors_(floors),
        path_({loop, flights, store, {&upstream_}, MetricsOf(1), shed_, "hop-1", buffered_}) {}

  void Run(std::atomic<int>& busy) {
    for (int i = 0; i < kCalls; ++i) {
      Ask(random_() % kKeys);
      if (random_() % 8 == 0 && path_.Leave(route_, callers_.back().waiter)) {
        callers_.back().left = true;
      }
      if (random_() % 4 == 0) Work();
      if (random_() % 32 == 0) Purge(random_() % kKeys);
    }
    --busy;
    while (busy > 0 || Unserved() || upstream_.live() > 0) Work();
  }

  // Afterwards.
  void Check() const {
    int hits = 0;
    for (const Caller& caller : callers_) {
      ASSERT_EQ(caller.waiter.heard() + (caller.left ? 1 : 0), 1);
      if (caller.left) continue;
      hits += caller.waiter.answer().source == Answer::Source::kHit ? 1 : 0;
      const std::vector<absl::string_view> said =
          absl::StrSplit(MessageOf(caller.waiter.reply()), ' ');
      uint64_t asked = 0;
      ASSERT_EQ(said[0], absl::StrCat("id-", caller.key));
      ASSERT_TRUE(absl::SimpleAtoi(said[1], &asked));
      ASSERT_GE(asked, caller.floor);
    }
    EXPECT_GT(hits, 10);
  }

 private:
  struct Caller {
    Caller(ReadPath& path, size_t key, uint64_t floor) : waiter(path), key(key), floor(floor) {}
    TestWaiter waiter;
    size_t key;
    uint64_t floor;
    bool left = false;
  };

  void Ask(size_t key) {
    const auto request = ReadRequest();
    const std::string id = absl::StrCat("id-", key);
    Caller& caller = callers_.emplace_back(path_, key, floors_.Of(key));
    const std::string message = Framed(id);
    const auto take = [&] { return base::Slice(message); };
    path_.Serve(route_, {kTrust, request, message, take, {}, nullptr}, caller.waiter);
    Note();
  }

  static std::shared_ptr<const model::Request> ReadRequest() {
    return std::make_shared<const model::Request>(absl::get<model::Request>(
        model::ParseRequest(HeadersOf({{":method", "POST"},
                                       {":scheme", "http"},
                                       {":path", kGet},
                                       {":authority", "shop.example"},
                                       {"content-type", "application/grpc"}}))));
  }

  // A purge that begins after this has a greater number than those that are noted.
  void Note() {
    while (noted_ < upstream_.calls()) {
      asked_[&upstream_.call(noted_++)] = store_.sequence();
    }
  }

  void Purge(size_t key) {
    const uint64_t before = store_.sequence() + 1;  // that a purge takes from now on, or more
    const model::Key wanted =
        path_.KeyFor(route_, kTrust, *ReadRequest(), Framed(absl::StrCat("id-", key)));
    switch (random_() % 4) {
      case 0:
        store_.Purge(cache::KeyScope(wanted));
        return floors_.Raise(key, before);
      case 1:
        store_.Purge(cache::GroupScope("catalog", "catalog:50051", absl::StrCat("group-", key)));
        return floors_.Raise(key, before);
      case 2:
        store_.Purge(cache::MethodScope(kGet));
        break;
      default:
        store_.Purge(cache::EverythingScope());
    }
    for (size_t i = 0; i < kKeys; ++i) floors_.Raise(i, before);
  }

  // Answers the flights that this loop leads.
  void Work() {
    loop_.RunAll();
    for (FakeCall* call : std::vector<FakeCall*>(upstream_.live_calls())) {
      const std::string id = call->sent().substr(5);
      call->Begin({{"cache-groups", absl::StrCat("\"group-", id.substr(3), "\"")}});
      call->Data(Framed(absl::StrCat(id, " ", asked_.at(call))));
      call->End();
    }
  }

  bool Unserved() const {
    for (const Caller& caller : callers_) {
      if (!caller.left && caller.waiter.heard() == 0) return true;
    }
    return false;
  }

  FakeLoop& loop_;
  cache::Store& store_;
  Route& route_;
  Floors& floors_;
  FakeUpstream upstream_;
  metrics::Counter shed_;
  memory::Buffered buffered_{AmpleBudget()};
  ReadPath path_;
  std::mt19937 random_{static_cast<unsigned>(loop_.index())};
  std::deque<Caller> callers_;
  std::unordered_map<const FakeCall*, uint64_t> asked_;
  size_t noted_ = 0;
};

// PITFALLS 23, PITFALLS 32
TEST(CacheThreadsTest, NobodyGetsWhatWasAskedBeforeAPurgeThatHadReturnedWhenHeAsked) {
  RouteOptions options;
  options.collapse = CollapseOptions();
  options.cache = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  UpstreamBounds shared("catalog", 1000, 1 << 30, 16);
  model::Fingerprints fingerprints;
  Route route(0, options, 0, shared, model::KeyPolicy({}, "catalog", 7, fingerprints));
  std::array<FakeLoop, 3> loops{FakeLoop(0), FakeLoop(1), FakeLoop(2)};
  Flights flights;
  cache::Store store{cache::StoreOptions()};
  Floors floors;
  std::atomic<int> busy = 3;
  {
    std::deque<StoreShop> shops;
    for (FakeLoop& loop : loops) shops.emplace_back(loop, flights, store, route, floors);
    std::vector<std::thread> threads;
    for (StoreShop& shop : shops) threads.emplace_back([&] { shop.Run(busy); });
    for (std::thread& thread : threads) thread.join();
    for (const StoreShop& shop : shops) shop.Check();
    for (FakeLoop& loop : loops) loop.RunAll();
  }
  EXPECT_EQ(flights.flights(), 0);
  EXPECT_EQ(shared.flights.load(), 0);
  EXPECT_EQ(shared.held_bytes.load(), 0);
}

}  // namespace
}  // namespace singleflight::core
