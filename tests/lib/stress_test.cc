// Many threads together, for the thread sanitizer and for the promises that only a race can break.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "singleflight/async_group.h"
#include "singleflight/group.h"
#include "singleflight/keyed_groups.h"
#include "singleflight/mutex.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

constexpr int kCallers = 64;
constexpr int kCallsEach = 300;

// Gives every flight a number, its result, and notes when it had landed. Moments are ticks of a
// counter.
class Logbook {
 public:
  int64_t Now() { return ++now_; }
  int64_t Start() { return ++flights_; }
  void Landed(int64_t flight) {
    int64_t never = 0;
    landed_[flight].compare_exchange_strong(never, Now());
  }
  bool LandedBefore(int64_t flight, int64_t moment) const {
    const int64_t landed = landed_[flight];
    return landed != 0 && landed < moment;
  }

 private:
  std::atomic<int64_t> now_ = 0;
  std::atomic<int64_t> flights_ = 0;
  std::vector<std::atomic<int64_t>> landed_ =
      std::vector<std::atomic<int64_t>>(kCallers * kCallsEach + 1);
};

TEST(StressTest, NoCallerEverGetsAResultThatLandedBeforeItCalled) {
  Group<int64_t> group;
  Logbook logbook;
  Threads callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.Start([&] {
      for (int call = 0; call < kCallsEach; ++call) {
        const int64_t began = logbook.Now();
        const int64_t flight = group.Do([&] { return logbook.Start(); }).value;
        ASSERT_FALSE(logbook.LandedBefore(flight, began));
        logbook.Landed(flight);
      }
    });
  }
  callers.Join();
  EXPECT_EQ(group.flights() + group.waiting(), 0u);
}

TEST(StressTest, WorkOfOneKeyNeverRunsTwiceAtATime) {
  KeyedGroups<int, int> groups;
  std::atomic<int> running[3] = {};
  Threads callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.Start([&, i] {
      std::mt19937 random(i);
      for (int call = 0; call < kCallsEach; ++call) {
        const int key = static_cast<int>(random() % 3);
        const int got = groups
                            .Do(key,
                                [&] {
                                  EXPECT_EQ(++running[key], 1);
                                  if (random() % 8 == 0) std::this_thread::yield();
                                  --running[key];
                                  return key;
                                })
                            .value;
        ASSERT_EQ(got, key);
      }
    });
  }
}

TEST(StressTest, CallersThatComeLeaveForgetAndFailAllReturn) {
  KeyedGroups<int, int> groups;
  Threads callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.Start([&, i] {
      std::mt19937 random(i);
      for (int call = 0; call < kCallsEach; ++call) {
        const int key = static_cast<int>(random() % 2);
        std::stop_source stop;
        if (random() % 16 == 0) groups.Forget(key);
        const auto work = [&](std::stop_token token) {
          if (random() % 8 == 0) stop.request_stop();
          if (random() % 4 == 0) std::this_thread::yield();
          return token.stop_requested() ? -1 : key;
        };
        const bool hurried = random() % 2 == 0;
        const auto got =
            hurried ? groups.Do(key, work, {.deadline = std::chrono::steady_clock::time_point()})
                    : groups.Do(key, work, {.stop = stop.get_token()});
        ASSERT_TRUE(!got || got->value == key || got->value == -1);
      }
    });
  }
  callers.Join();
  EXPECT_EQ(groups.flights() + groups.waiting(), 0u);
}

TEST(StressTest, FollowersMayBeToldToStopWhileTheFlightLands) {
  Group<int> group;
  std::atomic<bool> done = false;
  Threads leaders, followers;
  for (int i = 0; i < 2; ++i) {
    leaders.Start([&] {
      while (!done) {
        group.Do([] {
          std::this_thread::yield();
          return 7;
        });
      }
    });
  }
  for (int i = 0; i < 8; ++i) {
    followers.Start([&] {
      for (int call = 0; call < kCallsEach; ++call) {
        std::stop_source stop;
        std::jthread stopper([&] { stop.request_stop(); });
        const auto got = group.Do([] { return 7; }, {.stop = stop.get_token()});
        ASSERT_TRUE(!got || got->value == 7);
      }
    });
  }
  followers.Join();
  done = true;
}

using Flights = AsyncGroup<int, int64_t>;

// Landings on their way to the threads that end them.
class Air {
 public:
  void Put(Flights::Landing landing) {
    MutexLock lock(mu_);
    landings_.push_back(std::move(landing));
  }
  Flights::Landing Get() {
    MutexLock lock(mu_);
    if (landings_.empty()) return {};
    Flights::Landing landing = std::move(landings_.front());
    landings_.pop_front();
    return landing;
  }

 private:
  Mutex mu_;
  std::deque<Flights::Landing> landings_ ABSL_GUARDED_BY(mu_);
};

class Caller : public Flights::Waiter {
 public:
  void OnLanded(const int64_t* result) override {
    got_ = result == nullptr ? 0 : *result;
    answers_.fetch_add(1);
  }
  int answers() const { return answers_; }
  int64_t got() const { return got_; }

 private:
  int64_t got_ = 0;
  std::atomic<int> answers_ = 0;
};

// Ends flights in all the ways there are, until there are no more to come.
void EndFlights(Air& air, Logbook& logbook, const std::atomic<bool>& done) {
  std::mt19937 random(7);
  for (;;) {
    const bool last = done;
    Flights::Landing landing = air.Get();
    if (!landing) {
      if (last) return;
      std::this_thread::yield();
      continue;
    }
    const int64_t result = logbook.Start();
    switch (random() % 3) {
      case 0:
        landing.Land(result);
        break;
      case 1: {
        Flights::WaiterList taken = landing.Take(), batch;
        logbook.Landed(result);
        while (Flights::Waiter* waiter = taken.Pop()) batch.PushBack(waiter);
        while (Flights::Waiter* waiter = batch.Pop()) waiter->OnLanded(&result);
        break;
      }
      case 2:
        break;  // dropped
    }
    logbook.Landed(result);
  }
}

void CallAndPerhapsLeave(Flights& flights, Air& air, Logbook& logbook, unsigned seed) {
  std::mt19937 random(seed);
  for (int call = 0; call < kCallsEach; ++call) {
    Caller caller;
    const int64_t began = logbook.Now();
    const JoinLimits limits = {.max_waiters = 1 + random() % 16};
    auto joined = flights.Join(static_cast<int>(random() % 2), caller, {}, limits);
    if (joined.landing) air.Put(std::move(joined.landing));
    if (random() % 16 == 0) flights.Forget(static_cast<int>(random() % 2));
    if (random() % 4 == 0) {
      const OnLast on_last = random() % 2 == 0 ? OnLast::kRetire : OnLast::kKeep;
      if (flights.Leave(caller, on_last).outcome != Flights::Left::Outcome::kAlreadyTaken) {
        ASSERT_EQ(caller.answers(), 0);
        continue;
      }
    }
    Await([&] { return caller.answers() > 0; });
    ASSERT_EQ(caller.answers(), 1);
    ASSERT_FALSE(logbook.LandedBefore(caller.got(), began));
  }
}

// A flight whose last waiter has just been popped is on its way back to the pool when that waiter
// asks to leave.
TEST(StressTest, LeavingWhileTheFlightIsRecycledIsTooLate) {
  Flights flights(1);
  Air air;
  std::atomic<bool> done = false;
  Threads landers;
  landers.Start([&] {
    while (!done) {
      if (Flights::Landing landing = air.Get()) landing.Land(7);
    }
  });
  for (int round = 0; round < 5'000; ++round) {
    Caller caller;
    air.Put(flights.Join(1, caller, {}).landing);
    Await([&] { return flights.waiting() == 0; });
    ASSERT_EQ(flights.Leave(caller, OnLast::kRetire).outcome,
              Flights::Left::Outcome::kAlreadyTaken);
    Await([&] { return caller.answers() == 1; });
  }
  done = true;
}

TEST(StressTest, EveryAsyncCallerIsAnsweredOnceOrHasLeft) {
  Flights flights;
  Air air;
  Logbook logbook;
  std::atomic<bool> done = false;
  Threads callers, landers;
  for (int i = 0; i < 2; ++i) landers.Start([&] { EndFlights(air, logbook, done); });
  for (int i = 0; i < 16; ++i) {
    callers.Start([&, i] { CallAndPerhapsLeave(flights, air, logbook, i); });
  }
  callers.Join();
  done = true;
  landers.Join();
  EXPECT_EQ(flights.flights() + flights.waiting(), 0u);
}

// Work of a flight that may have to gather first. Whoever calls Begin first begins it.
class Gathered;
using Gatherings = AsyncGroup<int, int64_t, std::shared_ptr<Gathered>>;

// What is to be begun, and what is in the air, on their way to the threads that do it.
struct Sky {
  Mutex mu;
  std::deque<std::shared_ptr<Gathered>> turns ABSL_GUARDED_BY(mu);
  std::deque<std::pair<Gatherings::Landing, int64_t>> air ABSL_GUARDED_BY(mu);
  Logbook logbook;
};

class Gathered : public std::enable_shared_from_this<Gathered> {
 public:
  explicit Gathered(Sky& sky) : sky_(sky) {}

  void Lead(Gatherings::Landing landing) {
    {
      MutexLock lock(mu_);
      landing_ = std::move(landing);
      if (landing_.AwaitTurn(shared_from_this(), {}, Tell).has_value()) return;
    }
    Begin();
  }

  // The flight's number says when its work began.
  void Begin() {
    Gatherings::Landing landing;
    {
      MutexLock lock(mu_);
      landing = std::move(landing_);
    }
    if (!landing) return;
    landing.Start({});
    const int64_t began = sky_.logbook.Now();
    MutexLock lock(sky_.mu);
    sky_.air.emplace_back(std::move(landing), began);
  }

  static void Tell(const std::shared_ptr<Gathered>& work) {
    MutexLock lock(work->sky_.mu);
    work->sky_.turns.push_back(work);
  }

 private:
  Sky& sky_;
  Mutex mu_;
  Gatherings::Landing landing_ ABSL_GUARDED_BY(mu_);
};

// Begins what has its turn, and ends what is in the air. False when there is neither.
bool DoOneOf(Sky& sky, std::mt19937& random) {
  std::shared_ptr<Gathered> turn;
  std::pair<Gatherings::Landing, int64_t> flown;
  {
    MutexLock lock(sky.mu);
    if (!sky.turns.empty()) {
      turn = std::move(sky.turns.front());
      sky.turns.pop_front();
    } else if (!sky.air.empty()) {
      flown = std::move(sky.air.front());
      sky.air.pop_front();
    }
  }
  if (turn != nullptr) turn->Begin();
  if (flown.first && random() % 4 == 0) std::this_thread::yield();
  if (flown.first && random() % 8 != 0) flown.first.Land(flown.second);
  return turn != nullptr || flown.second != 0;  // what has not landed lands here
}

class GatheredCaller : public Gatherings::Waiter {
 public:
  void OnLanded(const int64_t* result) override {
    got_ = result == nullptr ? 0 : *result;
    answers_.fetch_add(1);
  }
  int answers() const { return answers_; }
  int64_t got() const { return got_; }

 private:
  int64_t got_ = 0;
  std::atomic<int> answers_ = 0;
};

void GatherAndPerhapsLeave(Gatherings& flights, Sky& sky, unsigned seed) {
  std::mt19937 random(seed);
  for (int call = 0; call < kCallsEach; ++call) {
    GatheredCaller caller;
    const JoinLimits limits = {.max_waiters = 1 + random() % 16};
    const int64_t came = sky.logbook.Now();
    auto joined = flights.Gather(static_cast<int>(random() % 2), caller, {}, limits);
    if (joined.landing) {
      const auto work = std::make_shared<Gathered>(sky);
      work->Lead(std::move(joined.landing));
      if (random() % 8 == 0) work->Begin();  // it has waited long enough
    }
    if (random() % 32 == 0) flights.Forget(static_cast<int>(random() % 2));
    if (random() % 4 == 0) {
      const OnLast on_last = random() % 2 == 0 ? OnLast::kRetire : OnLast::kKeep;
      const Gatherings::Left left = flights.Leave(caller, on_last);
      if (left.outcome == Gatherings::Left::Outcome::kLeftLast) left.context->Begin();
      if (left.outcome != Gatherings::Left::Outcome::kAlreadyTaken) {
        ASSERT_EQ(caller.answers(), 0);
        continue;
      }
    }
    Await([&] { return caller.answers() > 0; });
    ASSERT_EQ(caller.answers(), 1);
    ASSERT_TRUE(caller.got() == 0 || caller.got() > came);
  }
}

TEST(StressTest, NoCallerThatGathersGetsAResultOfWorkThatBeganBeforeItCame) {
  Gatherings flights;
  Sky sky;
  std::atomic<bool> done = false;
  Threads callers, landers;
  for (int i = 0; i < 2; ++i) {
    landers.Start([&, i] {
      std::mt19937 random(i);
      for (bool last = false; !last;) {
        last = done;
        while (DoOneOf(sky, random)) last = false;
        std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < 16; ++i) {
    callers.Start([&, i] { GatherAndPerhapsLeave(flights, sky, i); });
  }
  callers.Join();
  done = true;
  landers.Join();
  EXPECT_EQ(flights.flights() + flights.waiting(), 0u);
}

}  // namespace
}  // namespace singleflight
