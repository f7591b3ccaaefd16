// What went wrong in other libraries of this kind: each of these has happened in public
// (docs/pitfalls.md).

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "singleflight/async_group.h"
#include "singleflight/group.h"
#include "singleflight/keyed_groups.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

using Flights = AsyncGroup<std::string, std::string>;

struct Caller : Flights::Waiter {
  void OnLanded(const std::string* result) override {
    ++answers;
    answer = result == nullptr ? "nobody" : *result;
  }
  std::string answer;
  int answers = 0;
};

// PITFALLS 1 (golang/go#41133)
TEST(PitfallsTest, AnExceptionInTheWorkDoesNotTakeTheKeyForEver) {
  KeyedGroups<std::string, int> groups;
  const auto fail = []() -> int { throw std::runtime_error("no"); };
  EXPECT_THROW(groups.Do("key", fail), std::runtime_error);
  EXPECT_EQ(groups.flights(), 0u);
  EXPECT_EQ(groups.Do("key", [] { return 7; }).value, 7);
}

// PITFALLS 2
TEST(PitfallsTest, APooledFlightNeverCarriesAWaiterToAnotherKey) {
  Flights flights(1);
  Caller old, late;
  auto first = flights.Join("a", old, {}).landing;
  Flights::WaiterList taken = first.Take();  // landed, but `old` still points at the flight
  auto second = flights.Join("b", late, {}).landing;
  EXPECT_EQ(flights.Leave(old, OnLast::kRetire).outcome, Flights::Left::Outcome::kAlreadyTaken);
  second.Land("of b");
  EXPECT_EQ(late.answer, "of b");
  EXPECT_EQ(old.answers, 0);
  const std::string of_a = "of a";
  taken.Pop()->OnLanded(&of_a);
  EXPECT_EQ(old.answer, "of a");
}

// PITFALLS 3: 877,596 calls, one execution (resenje.org/singleflight).
TEST(PitfallsTest, AFlightUnderAStreamOfCallersIsSupersededWhenItIsOld) {
  Flights flights;
  const JoinLimits limits = {.max_join_age = std::chrono::milliseconds(100)};
  std::vector<std::unique_ptr<Caller>> callers;
  std::vector<Flights::Landing> landings;
  for (int i = 0; i < 1000; ++i) {
    callers.push_back(std::make_unique<Caller>());
    const Flights::TimePoint now{std::chrono::milliseconds(i)};
    auto joined = flights.Join("key", *callers.back(), now, limits);
    if (joined.landing) landings.push_back(std::move(joined.landing));
  }
  EXPECT_EQ(landings.size(), 10u);
}

// The same for blocking callers: the leader alone ends the flight, however many are aboard.
TEST(PitfallsTest, AFlightLandsHoweverManyArriveMeanwhile) {
  Group<int> group;
  std::atomic<bool> done = false;
  Threads callers;
  for (int i = 0; i < 4; ++i) {
    callers.Start([&] {
      while (!done) group.Do([] { return 1; });
    });
  }
  for (int i = 0; i < 1000; ++i) group.Do([] { return 1; });
  done = true;
}

// PITFALLS 32: a reader after a write joins a call that was sent before it, and reads what was
// there then (etcd's grpc-proxy). An older flight lands after its successor.
TEST(PitfallsTest, WhoComesAfterAnInvalidationNeverGetsAnEarlierResult) {
  Flights flights;
  Caller before, after, later;
  auto old = flights.Join("key", before, {}, {.generation = 1}).landing;
  const JoinLimits invalidated = {.generation = 2, .min_generation = 2};
  auto fresh = flights.Join("key", after, {}, invalidated).landing;
  ASSERT_TRUE(fresh);
  EXPECT_EQ(flights.Join("key", later, {}, invalidated).role, Role::kFollower);
  fresh.Land("new");
  old.Land("old");
  EXPECT_EQ(before.answer, "old");
  EXPECT_EQ(after.answer, "new");
  EXPECT_EQ(later.answer, "new");
}

// PITFALLS 4 (golang/go#31420)
TEST(PitfallsTest, AForgottenFlightThatLandsLeavesItsSuccessorAlone) {
  Flights flights;
  Caller old, fresh, joins_fresh;
  auto first = flights.Join("key", old, {}).landing;
  flights.Forget("key");
  auto second = flights.Join("key", fresh, {}).landing;
  first.Land("old");
  EXPECT_EQ(flights.Join("key", joins_fresh, {}).role, Role::kFollower);
  second.Land("fresh");
  EXPECT_EQ(joins_fresh.answer, "fresh");
}

// PITFALLS 4
TEST(PitfallsTest, AForgottenBlockingFlightThatLandsLeavesItsSuccessorAlone) {
  Group<int> group;
  Door old_door;
  Threads old, fresh;
  old.Start([&] {
    group.Do([&] {
      old_door.Pass();
      return 1;
    });
  });
  Await([&] { return group.flights() == 1; });
  group.Forget();
  fresh.Start([&] {
    group.Do([&] {
      Await([&] { return group.waiting() == 1; });
      return 2;
    });
  });
  Await([&] { return group.flights() == 2; });
  old_door.Open();
  old.Join();
  EXPECT_EQ(group.Do([] { return 3; }).value, 2);
}

// PITFALLS 5: retiring the key and taking the waiters is one step.
TEST(PitfallsTest, ANewcomerAtTheMomentOfLandingIsNeverLeftWaiting) {
  struct Answered : Flights::Waiter {
    void OnLanded(const std::string*) override { answered = true; }
    std::atomic<bool> answered = false;
  };
  Flights flights;
  Threads threads;
  for (int i = 0; i < 3; ++i) {
    threads.Start([&] {
      for (int round = 0; round < 2000; ++round) {
        Answered caller;
        (void)flights.Join("key", caller, {});  // a leader lands immediately: it drops its landing
        Await([&] { return caller.answered.load(); });
      }
    });
  }
}

// PITFALLS 6 (trickstercache/trickster#939)
TEST(PitfallsTest, OnlyOneOfThoseWhoShareIsToldToActForAll) {
  Group<int> group;
  std::atomic<int> acted = 0;
  Threads threads;
  for (int i = 0; i < 3; ++i) {
    threads.Start([&] {
      const auto got = group.Do([&] {
        Await([&] { return group.waiting() == 2; });
        return 7;
      });
      EXPECT_EQ(got.shared_by, 3u);
      acted += got.role == Role::kLeader;
    });
  }
  threads.Join();
  EXPECT_EQ(acted, 1);
}

// PITFALLS 7 (moka-rs/moka#59, cloudflare/pingora#931)
TEST(PitfallsTest, FollowersOfALeaderThatGaveUpAreToldAtOnce) {
  Flights flights;
  Caller leader, follower, next;
  {
    auto given_up = flights.Join("key", leader, {}).landing;
    (void)flights.Join("key", follower, {});
  }
  EXPECT_EQ(follower.answer, "nobody");
  EXPECT_EQ(flights.Join("key", next, {}).role, Role::kLeader);
}

// PITFALLS 8
TEST(PitfallsTest, WorkThatAsksForItsOwnKeyDoesNotWaitForItself) {
  KeyedGroups<std::string, int> groups;
  const auto itself = [&] { return groups.Do("key", [] { return 7; }).value; };
  EXPECT_THROW(groups.Do("key", itself), RecursiveCall);
}

}  // namespace
}  // namespace singleflight
