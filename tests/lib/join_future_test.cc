// AsyncGroup by futures: who starts, who waits, what comes out.

#include "singleflight/join_future.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>

#include "singleflight/async_group.h"
#include "singleflight/outcome.h"
#include "tests/lib/allocations.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

using Flights = AsyncGroup<std::string, std::string>;

bool IsReady(const auto& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

class JoinFutureTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (landing_) landing_.Land("too late");
    EXPECT_EQ(flights_.flights(), 0u);
    EXPECT_EQ(flights_.waiting(), 0u);
  }

  // Whoever leads keeps the landing for the test.
  std::future<std::string> Ask(const std::string& key = "a") {
    return JoinFuture(flights_, key, [this](Flights::Landing landing) {
      ++started_;
      landing_ = std::move(landing);
    });
  }

  Flights flights_;
  Flights::Landing landing_;
  int started_ = 0;
};

TEST_F(JoinFutureTest, ALeaderStartsTheWorkAndFollowersShareIt) {
  auto leader = Ask(), follower = Ask();
  EXPECT_EQ(started_, 1);
  EXPECT_FALSE(IsReady(leader));
  landing_.Land("blue");
  EXPECT_EQ(leader.get(), "blue");
  EXPECT_EQ(follower.get(), "blue");
}

TEST_F(JoinFutureTest, AFlightThatLandsWithinStartIsReady) {
  auto future = JoinFuture(flights_, "a", [](Flights::Landing landing) { landing.Land("blue"); });
  ASSERT_TRUE(IsReady(future));
  EXPECT_EQ(future.get(), "blue");
}

TEST_F(JoinFutureTest, AnotherThreadLands) {
  auto future = Ask();
  Threads threads;
  threads.Start([this] { landing_.Land("blue"); });
  EXPECT_EQ(future.get(), "blue");
}

TEST_F(JoinFutureTest, AFutureThatIsDroppedStaysAboardAndHoldsUpNobody) {
  auto leader = Ask();
  { auto dropped = Ask(); }
  EXPECT_EQ(flights_.waiting(), 2u);
  landing_.Land("blue");
  EXPECT_EQ(leader.get(), "blue");
}

TEST_F(JoinFutureTest, TheLeadersFutureMayBeDropped) {
  { auto dropped = Ask(); }
  auto follower = Ask();
  EXPECT_EQ(started_, 1);
  landing_.Land("blue");
  EXPECT_EQ(follower.get(), "blue");
}

TEST_F(JoinFutureTest, ALandingThatIsDroppedThrowsUnanswered) {
  auto leader = Ask(), follower = Ask();
  landing_ = {};
  EXPECT_THROW(leader.get(), Unanswered);
  EXPECT_THROW(follower.get(), Unanswered);
}

TEST_F(JoinFutureTest, WhatStartThrowsIsThrownAndTheOthersAreTold) {
  std::future<std::string> follower;
  const auto fails = [&](Flights::Landing) {
    follower = Ask();
    throw std::runtime_error("no connection");
  };
  EXPECT_THROW(JoinFuture(flights_, "a", fails), std::runtime_error);
  EXPECT_THROW(follower.get(), Unanswered);
}

TEST_F(JoinFutureTest, ALandingThatStartHasPassedOnSurvivesWhatStartThrows) {
  const auto fails_late = [&](Flights::Landing landing) {
    landing_ = std::move(landing);
    throw std::runtime_error("no memory for the log");
  };
  EXPECT_THROW(JoinFuture(flights_, "a", fails_late), std::runtime_error);
  auto follower = Ask();
  landing_.Land("blue");
  EXPECT_EQ(follower.get(), "blue");
}

TEST_F(JoinFutureTest, LimitsAreThoseOfJoin) {
  const auto drop = [](Flights::Landing) {};
  auto first = Ask();
  auto second = JoinFuture(flights_, "a", drop, {}, {.max_waiters = 1});
  EXPECT_THROW(second.get(), Unanswered);  // led a flight of its own
  EXPECT_FALSE(IsReady(first));
}

struct ThrowsWhenCopied {
  ThrowsWhenCopied() = default;
  ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::runtime_error("no copy"); }
  ThrowsWhenCopied& operator=(const ThrowsWhenCopied&) = default;
};

TEST(JoinFutureCopyTest, WhatCopyingTheResultThrowsComesOutOfTheFuture) {
  AsyncGroup<int, ThrowsWhenCopied> flights;
  auto future = JoinFuture(flights, 1, [](auto landing) { landing.Land({}); });
  EXPECT_THROW(future.get(), std::runtime_error);
}

TEST(JoinFutureOutcomeTest, AnExceptionOfTheWorkReachesEveryoneAboard) {
  AsyncGroup<int, Outcome<std::string>> flights;
  decltype(flights)::Landing held;
  const auto start = [&](auto landing) { held = std::move(landing); };
  std::future<std::string> leader = JoinFuture(flights, 1, start);
  std::future<std::string> follower = JoinFuture(flights, 1, start);
  held.Land(
      Outcome<std::string>::Of([]() -> std::string { throw std::runtime_error("no database"); }));
  EXPECT_THROW(leader.get(), std::runtime_error);
  EXPECT_THROW(follower.get(), std::runtime_error);
}

TEST(JoinFutureOutcomeTest, ValuesAndNothingComeOutOfAnOutcome) {
  AsyncGroup<int, Outcome<int>> sevens;
  AsyncGroup<int, Outcome<void>> nothings;
  EXPECT_EQ(JoinFuture(sevens, 1, [](auto landing) { landing.Land({.value = 7}); }).get(), 7);
  std::future<void> done =
      JoinFuture(nothings, 1, [](auto landing) { landing.Land(Outcome<void>::Of([] {})); });
  done.get();
}

TEST(JoinFutureMemoryTest, APlaceAndAPromiseAreAllocated) {
  AsyncGroup<int, int> flights(1);
  const auto land = [](auto landing) { landing.Land(7); };
  JoinFuture(flights, 1, land).get();  // fills the pool of flights
  const uint64_t before = AllocationsOfThisThread();
  auto promise = std::promise<int>();
  const uint64_t promises = AllocationsOfThisThread() - before;
  JoinFuture(flights, 1, land).get();
  EXPECT_EQ(AllocationsOfThisThread() - before, promises + promises + 1);
#ifdef __GLIBCXX__
  EXPECT_EQ(promises, 2u);  // as README.md says
#endif
}

TEST(JoinFutureThreadsTest, EveryFutureIsAnsweredHoweverThreadsMeet) {
  Flights flights;
  Threads callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.Start([&] {
      Threads pool;
      for (int round = 0; round < 300; ++round) {
        const auto on_a_thread = [&](Flights::Landing landing) {
          pool.Start([landing = std::move(landing)]() mutable { landing.Land("blue"); });
        };
        EXPECT_EQ(JoinFuture(flights, "a", on_a_thread).get(), "blue");
        pool.Join();
      }
    });
  }
}

}  // namespace
}  // namespace singleflight
