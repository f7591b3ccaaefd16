// Misuse of waiters, lists and groups stops the program with a message.

#include "singleflight/async_waiter.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "singleflight/async_group.h"

namespace singleflight {
namespace {

using Flights = AsyncGroup<int, int>;

struct Caller : Flights::Waiter {
  void OnLanded(const int*) override {}
};

class AsyncWaiterDeathTest : public ::testing::Test {
 protected:
  AsyncWaiterDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(AsyncWaiterDeathTest, AListWithWaitersMustNotBeDestroyed) {
  const auto lose = [] {
    Flights flights;
    Caller caller;
    auto joined = flights.Join(1, caller, {});
    joined.landing.Take();
  };
  EXPECT_DEATH(lose(), "wait for ever");
}

TEST_F(AsyncWaiterDeathTest, AWaiterMustNotBeDestroyedAboard) {
  const auto vanish = [] {
    Flights flights;
    std::optional<Caller> caller(std::in_place);
    auto joined = flights.Join(1, *caller, {});
    caller.reset();
  };
  EXPECT_DEATH(vanish(), "destroyed aboard a flight");
}

TEST_F(AsyncWaiterDeathTest, AWaiterJoinsOneFlightAtATime) {
  const auto twice = [] {
    Flights flights;
    Caller caller;
    auto first = flights.Join(1, caller, {});
    auto second = flights.Join(2, caller, {});
  };
  EXPECT_DEATH(twice(), "joined while aboard");
}

TEST_F(AsyncWaiterDeathTest, AFlightLandsOnce) {
  const auto twice = [] {
    Flights flights;
    Caller caller;
    auto joined = flights.Join(1, caller, {});
    joined.landing.Land(1);
    joined.landing.Land(2);
  };
  EXPECT_DEATH(twice(), "landed twice");
}

TEST_F(AsyncWaiterDeathTest, AGroupOutlivesItsFlights) {
  const auto too_soon = [] {
    Caller caller;
    std::optional<Flights> flights(std::in_place);
    auto joined = flights->Join(1, caller, {});
    flights.reset();
  };
  EXPECT_DEATH(too_soon(), "flight in the air");
}

TEST(AsyncWaiterListTest, AMovedListKeepsItsWaitersInOrder) {
  Flights flights;
  Caller first, second;
  auto joined = flights.Join(1, first, {});
  (void)flights.Join(1, second, {});
  AsyncWaiterList<int> taken = joined.landing.Take();
  AsyncWaiterList<int> moved(std::move(taken));
  EXPECT_TRUE(taken.empty());
  EXPECT_EQ(moved.size(), 2u);
  EXPECT_EQ(moved.Pop(), &first);
  EXPECT_EQ(moved.Pop(), &second);
  EXPECT_EQ(moved.Pop(), nullptr);
}

}  // namespace
}  // namespace singleflight
