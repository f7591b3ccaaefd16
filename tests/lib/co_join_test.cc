// AsyncGroup by coroutines: who starts, where they go on, and how they leave.

#include "singleflight/co_join.h"

#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "singleflight/async_group.h"
#include "singleflight/mutex.h"
#include "singleflight/outcome.h"
#include "tests/lib/allocations.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

// A coroutine that begins when it is called, and is destroyed with this object.
class Coroutine {
 public:
  struct promise_type {
    Coroutine get_return_object() {
      return Coroutine(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };

  Coroutine() = default;
  Coroutine(Coroutine&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Coroutine& operator=(Coroutine&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Coroutine() {
    if (handle_) handle_.destroy();
  }

  bool done() const { return handle_.done(); }

 private:
  explicit Coroutine(std::coroutine_handle<promise_type> handle) : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

// An event loop: tasks from any thread, run by the test.
class Loop {
 public:
  void Post(std::function<void()> task) {
    MutexLock lock(mu_);
    tasks_.push_back(std::move(task));
  }
  void RunAll() {
    for (const auto& task : Take()) task();
  }

 private:
  std::vector<std::function<void()>> Take() {
    MutexLock lock(mu_);
    return std::exchange(tasks_, {});
  }

  Mutex mu_;
  std::vector<std::function<void()>> tasks_ ABSL_GUARDED_BY(mu_);
};

using Flights = AsyncGroup<std::string, std::string, std::function<void()>>;
using Start = std::function<void(Flights::Landing)>;

struct Caller {
  std::string answer = "none";
  std::thread::id went_on_on;
  Coroutine coroutine;

  bool done() const { return coroutine.done(); }
};

class CoJoinTest : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(flights_.flights(), 0u);
    EXPECT_EQ(flights_.waiting(), 0u);
  }

  // Whoever leads keeps the landing for the test.
  void Hold(Flights::Landing landing) {
    ++started_;
    landing_ = std::move(landing);
  }

  void Ask(Caller& caller) {
    caller.coroutine = Wait(caller, [this](auto landing) { Hold(std::move(landing)); });
  }
  void Ask(Caller& caller, Start start) { caller.coroutine = Wait(caller, std::move(start)); }
  void AskOnLoop(Caller& caller) { caller.coroutine = WaitOnLoop(caller); }

  Coroutine Wait(Caller& caller, Start start) {
    try {
      caller.answer = co_await CoJoin(flights_, "a", std::move(start));
      caller.went_on_on = std::this_thread::get_id();
    } catch (const std::exception& error) {
      caller.answer = error.what();
    }
  }

  Coroutine WaitOnLoop(Caller& caller) {
    caller.answer = co_await CoJoin(
        flights_, "a", [this](auto landing) { Hold(std::move(landing)); },
        [this](auto task) { loop_.Post(std::move(task)); });
    caller.went_on_on = std::this_thread::get_id();
  }

  void LandOnAnotherThread() {
    std::jthread([this] { landing_.Land("blue"); }).join();
  }

  Flights flights_;
  Flights::Landing landing_;
  int started_ = 0;
  Loop loop_;
};

constexpr char kUnanswered[] = "singleflight: the flight ended without a result";

TEST_F(CoJoinTest, ALeaderStartsTheWorkAndFollowersShareIt) {
  Caller leader, follower;
  Ask(leader);
  Ask(follower);
  EXPECT_EQ(started_, 1);
  EXPECT_FALSE(leader.done());
  landing_.Land("blue");
  EXPECT_EQ(leader.answer, "blue");
  EXPECT_EQ(follower.answer, "blue");
}

TEST_F(CoJoinTest, AFlightThatLandsWithinStartDoesNotSuspendTheCoroutine) {
  Caller caller;
  Ask(caller, [](auto landing) { landing.Land("blue"); });
  EXPECT_TRUE(caller.done());
  EXPECT_EQ(caller.answer, "blue");
}

TEST_F(CoJoinTest, ALongRowOfSuchFlightsTakesNoStack) {
  int answered = 0;
  const auto row = [](Flights& flights, int& answered) -> Coroutine {
    for (int i = 0; i < 100'000; ++i) {
      co_await CoJoin(flights, "a", [](auto landing) { landing.Land("blue"); });
      ++answered;
    }
  };
  const Coroutine coroutine = row(flights_, answered);
  EXPECT_EQ(answered, 100'000);
}

TEST_F(CoJoinTest, ItGoesOnOnTheThreadThatLands) {
  Caller caller;
  Ask(caller);
  LandOnAnotherThread();
  EXPECT_EQ(caller.answer, "blue");
  EXPECT_NE(caller.went_on_on, std::this_thread::get_id());
}

TEST_F(CoJoinTest, ItGoesOnWhereResumeSendsIt) {
  Caller caller;
  AskOnLoop(caller);
  LandOnAnotherThread();
  EXPECT_FALSE(caller.done());
  loop_.RunAll();
  EXPECT_EQ(caller.answer, "blue");
  EXPECT_EQ(caller.went_on_on, std::this_thread::get_id());
}

TEST_F(CoJoinTest, ACoroutineThatIsDestroyedWhileItWaitsLeaves) {
  Caller stays;
  Ask(stays);
  {
    Caller goes;
    Ask(goes);
    EXPECT_EQ(flights_.waiting(), 2u);
  }
  EXPECT_EQ(flights_.waiting(), 1u);
  landing_.Land("blue");
  EXPECT_EQ(stays.answer, "blue");
}

TEST_F(CoJoinTest, TheLeaderMayBeDestroyedToo) {
  Caller follower;
  {
    Caller leader;
    Ask(leader);
    Ask(follower);
  }
  landing_.Land("blue");
  EXPECT_EQ(follower.answer, "blue");
}

TEST_F(CoJoinTest, TheLastOneThatIsDestroyedCancelsTheWork) {
  bool cancelled = false;
  {
    Caller first, last;
    Ask(first);
    landing_.set_context([&] { cancelled = true; });
    Ask(last);
    first.coroutine = Coroutine();
    EXPECT_FALSE(cancelled);
  }
  EXPECT_TRUE(cancelled);
  EXPECT_TRUE(landing_.superseded());
  landing_.Land("blue");
}

TEST_F(CoJoinTest, WorkThatNobodyCanCancelGoesOnAndMayBeJoined) {
  AsyncGroup<std::string, int> flights;
  decltype(flights)::Landing held;
  const auto wait = [&](int& got) -> Coroutine {
    got = co_await CoJoin(flights, "a", [&](auto landing) { held = std::move(landing); });
  };
  int first = 0, second = 0;
  { const Coroutine goes = wait(first); }
  const Coroutine joins = wait(second);
  held.Land(7);
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 7);
}

TEST_F(CoJoinTest, ACoroutineMayBeDestroyedWhileItsFlightLands) {
  Flights::WaiterList taken;
  {
    Caller caller;
    Ask(caller);
    taken = landing_.Take();
  }
  const std::string blue = "blue";
  taken.Pop()->OnLanded(&blue);
}

// Both wait in the list of one landing.
TEST_F(CoJoinTest, ACoroutineThatGoesOnMayDestroyTheNext) {
  Caller next;
  const auto destroys_next = [&](Caller& caller) -> Coroutine {
    caller.answer =
        co_await CoJoin(flights_, "a", [this](auto landing) { Hold(std::move(landing)); });
    next.coroutine = Coroutine();
  };
  Caller first;
  first.coroutine = destroys_next(first);
  Ask(next);
  landing_.Land("blue");
  EXPECT_EQ(first.answer, "blue");
  EXPECT_EQ(next.answer, "none");
}

TEST_F(CoJoinTest, ACoroutineMayBeDestroyedBetweenLandingAndGoingOn) {
  {
    Caller caller;
    AskOnLoop(caller);
    LandOnAnotherThread();
  }
  loop_.RunAll();
}

TEST_F(CoJoinTest, ALandingThatIsDroppedThrowsUnanswered) {
  Caller leader, follower;
  Ask(leader);
  Ask(follower);
  landing_ = {};
  EXPECT_EQ(leader.answer, kUnanswered);
  EXPECT_EQ(follower.answer, kUnanswered);
}

TEST_F(CoJoinTest, WhatStartThrowsReachesTheLeaderAndTheOthersAreTold) {
  Caller leader, follower;
  Ask(leader, [&](Flights::Landing) {
    Ask(follower);
    throw std::runtime_error("no connection");
  });
  EXPECT_EQ(leader.answer, "no connection");
  EXPECT_EQ(follower.answer, kUnanswered);
}

TEST_F(CoJoinTest, WhatStartThrowsIsThrownWhenTheFlightThatItPassedOnHasLanded) {
  Caller leader, follower;
  Ask(leader, [&](Flights::Landing landing) {
    landing_ = std::move(landing);
    throw std::runtime_error("no memory for the log");
  });
  Ask(follower);
  EXPECT_FALSE(leader.done());
  landing_.Land("blue");
  EXPECT_EQ(leader.answer, "no memory for the log");
  EXPECT_EQ(follower.answer, "blue");
}

struct ThrowsWhenCopied {
  ThrowsWhenCopied() = default;
  ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::runtime_error("no copy"); }
  ThrowsWhenCopied& operator=(const ThrowsWhenCopied&) { throw std::runtime_error("no copy"); }
  bool operator==(const ThrowsWhenCopied&) const { return true; }
  template <typename H>
  friend H AbslHashValue(H state, const ThrowsWhenCopied&) {
    return state;
  }
};

template <typename Group>
Coroutine Catch(Group& flights, const typename Group::KeyType& key, std::string& caught) {
  try {
    co_await CoJoin(flights, key, [](auto landing) { landing.Land({}); });
  } catch (const std::exception& error) {
    caught = error.what();
  }
}

TEST(CoJoinCopyTest, WhatCopyingTheResultThrowsReachesTheCoroutine) {
  AsyncGroup<int, ThrowsWhenCopied> flights;
  std::string caught;
  const Coroutine coroutine = Catch(flights, 1, caught);
  EXPECT_EQ(caught, "no copy");
}

TEST(CoJoinCopyTest, WhatJoinThrowsReachesTheCoroutineAndNobodyHasJoined) {
  AsyncGroup<ThrowsWhenCopied, int> flights;
  std::string caught;
  const Coroutine coroutine = Catch(flights, ThrowsWhenCopied(), caught);
  EXPECT_EQ(caught, "no copy");
  EXPECT_EQ(flights.waiting(), 0u);
}

TEST(CoJoinOutcomeTest, AnExceptionOfTheWorkReachesEveryoneAboard) {
  AsyncGroup<int, Outcome<int>> flights;
  decltype(flights)::Landing held;
  const auto wait = [&](std::string& caught) -> Coroutine {
    try {
      const int value =
          co_await CoJoin(flights, 1, [&](auto landing) { held = std::move(landing); });
      caught = std::to_string(value);
    } catch (const std::exception& error) {
      caught = error.what();
    }
  };
  std::string leader, follower;
  const Coroutine leads = wait(leader), follows = wait(follower);
  held.Land(Outcome<int>::Of([]() -> int { throw std::runtime_error("no database"); }));
  EXPECT_EQ(leader, "no database");
  EXPECT_EQ(follower, "no database");
}

template <typename Body>
uint64_t AllocationsOf(Body&& body) {
  const uint64_t before = AllocationsOfThisThread();
  body();
  return AllocationsOfThisThread() - before;
}

TEST(CoJoinMemoryTest, ALeaderAndAFollowerAllocateOnePlaceEach) {
  AsyncGroup<int, int> flights(1);
  decltype(flights)::Landing held;
  const auto empty = []() -> Coroutine { co_return; };
  const auto wait = [&]() -> Coroutine {
    co_await CoJoin(flights, 1, [&](auto landing) { held = std::move(landing); });
  };
  wait();  // fills the pool of flights
  held.Land(7);
  const uint64_t frame = AllocationsOf([&] { empty(); });
  Coroutine leader, follower;
  EXPECT_EQ(AllocationsOf([&] { leader = wait(); }), frame + 1);
  EXPECT_EQ(AllocationsOf([&] { follower = wait(); }), frame + 1);
  EXPECT_EQ(AllocationsOf([&] { held.Land(7); }), 0u);
}

TEST(CoJoinMemoryTest, WhateverAllocationFailsNobodyIsLeftAboard) {
  const std::string key = "a key too long to be kept inside of a string";
  const auto wait = [&](auto& flights) -> Coroutine {
    try {
      co_await CoJoin(flights, key, [&](auto landing) { landing.Land(key); });
    } catch (const std::bad_alloc&) {
    }
  };
  bool met = true;
  for (int64_t nth = 1; met; ++nth) {
    AsyncGroup<std::string, std::string> flights(1);
    const FailingAllocation failing(nth);
    const FailingAllocation::TakesPart here;
    try {
      wait(flights);
    } catch (const std::bad_alloc&) {  // for the frame
    }
    EXPECT_EQ(flights.flights(), 0u);
    EXPECT_EQ(flights.waiting(), 0u);
    met = failing.met();
  }
}

// Landings on other threads meet coroutines that are joining, waiting and being destroyed.
TEST(CoJoinThreadsTest, EveryCoroutineLeavesOrGoesOnHoweverThreadsMeet) {
  AsyncGroup<int, int> flights;
  std::atomic<int> answered = 0;
  const auto wait = [&](Loop& loop, Threads& pool) -> Coroutine {
    const auto land_on_a_thread = [&](auto landing) {
      pool.Start([landing = std::move(landing)]() mutable { landing.Land(7); });
    };
    const auto on_loop = [&](auto task) { loop.Post(std::move(task)); };
    answered += co_await CoJoin(flights, 1, land_on_a_thread, on_loop);
  };
  {
    Threads loops;
    for (int i = 0; i < 3; ++i) {
      loops.Start([&] {
        Loop loop;
        Threads pool;
        for (int round = 0; round < 100; ++round) {
          const Coroutine stays = wait(loop, pool);
          { const Coroutine goes = wait(loop, pool); }
          Await([&] {
            loop.RunAll();
            return stays.done();
          });
          pool.Join();
        }
        loop.RunAll();
      });
    }
  }
  EXPECT_GE(answered, 3 * 100 * 7);
  EXPECT_EQ(flights.flights(), 0u);
}

}  // namespace
}  // namespace singleflight
