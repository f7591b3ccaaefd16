// In the steady state a call allocates nothing, whether it leads or follows.

#include <gtest/gtest.h>

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>
#include <variant>

#include "singleflight/async_group.h"
#include "singleflight/group.h"
#include "singleflight/keyed_groups.h"
#include "tests/lib/allocations.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

const std::string kKey = "a key too long to be kept inside of a string";

template <typename Body>
uint64_t AllocationsOf(Body&& body) {
  const uint64_t before = AllocationsOfThisThread();
  body();
  return AllocationsOfThisThread() - before;
}

TEST(AllocationTest, TheCounterCounts) {
  std::string text;
  EXPECT_EQ(AllocationsOf([&] { text = kKey; }), 1u);
}

// Leads `rounds` flights that a second thread follows; returns what both of them allocated.
template <typename Lead, typename Follow, typename Groups>
size_t AllocationsOfSharing(Groups& groups, const Lead& lead, const Follow& follow) {
  size_t led = 0, followed = 0;
  std::jthread leader([&] {
    led = AllocationsOf([&] {
      lead([&] {
        Await([&] { return groups.waiting() == 1; });
        return 7;
      });
    });
  });
  Await([&] { return groups.flights() == 1; });
  followed = AllocationsOf([&] { follow([] { return 8; }); });
  leader.join();
  return led + followed;
}

TEST(AllocationTest, AGroupAllocatesForNeitherLeaderNorFollower) {
  Group<int> group;
  const auto call = [&](const auto& work) { group.Do(work); };
  EXPECT_EQ(AllocationsOfSharing(group, call, call), 0u);
}

TEST(AllocationTest, KeyedGroupsAllocateForNeitherLeaderNorFollower) {
  KeyedGroups<std::string, int> groups;
  const auto call = [&](const auto& work) { groups.Do(kKey, work); };
  EXPECT_EQ(AllocationsOfSharing(groups, call, call), 0u);
}

TEST(AllocationTest, AFollowerThatMayLeaveAllocatesNothing) {
  KeyedGroups<std::string, int> groups;
  std::stop_source stop;
  const auto lead = [&](const auto& work) { groups.Do(kKey, work); };
  const auto follow = [&](const auto& work) {
    groups.Do(kKey, work, {.deadline = std::chrono::steady_clock::time_point()});
    groups.Do(kKey, work, {.stop = stop.get_token()});
  };
  EXPECT_EQ(AllocationsOfSharing(groups, lead, follow), 0u);
}

TEST(AllocationTest, OnlyLeadingStoppableWorkThatSomeoneMayLeaveAllocates) {
  KeyedGroups<std::string, int> groups;
  std::stop_source stop;
  const auto work = [](std::stop_token) { return 7; };
  EXPECT_EQ(AllocationsOf([&] { groups.Do(kKey, work); }), 0u);
  EXPECT_EQ(AllocationsOf([&] { groups.Do(kKey, work, {.stop = stop.get_token()}); }), 1u);
}

TEST(AllocationTest, LeadingByAnExecutorAllocatesTheFlightAndWhatStopsTheWork) {
  KeyedGroups<std::string, int> groups;
  const std::string key = "short";
  const auto inside = [](const auto& task) { task(); };
  EXPECT_EQ(AllocationsOf([&] { groups.DoOn(inside, key, [] { return 7; }, {}); }), 1u);
  EXPECT_EQ(AllocationsOf([&] { groups.DoOn(inside, key, [](std::stop_token) { return 7; }, {}); }),
            2u);
}

TEST(AllocationTest, FollowingWorkOfAnExecutorAllocatesNothing) {
  KeyedGroups<std::string, int> groups;
  const auto inside = [](const auto& task) { task(); };
  const auto lead = [&](const auto& work) { groups.Do(kKey, work); };
  const auto follow = [&](const auto& work) { groups.DoOn(inside, kKey, work, {}); };
  EXPECT_EQ(AllocationsOfSharing(groups, lead, follow), 0u);
}

using Flights = AsyncGroup<std::string, int>;

struct Caller : Flights::Waiter {
  void OnLanded(const int*) override {}
};

// Leads and follows a few keys at a time, by keys that the flights copy.
void FlyWithCopiedKeys(Flights& flights) {
  static const std::string kKeys[] = {kKey + "1", kKey + "2", kKey + "3"};
  Caller leaders[3], followers[3];
  Flights::Landing landings[3];
  for (int i = 0; i < 3; ++i) {
    landings[i] = flights.Join(kKeys[i], leaders[i], {}).landing;
    (void)flights.Join(kKeys[i], followers[i], {});
  }
  landings[0].Land(1);
  landings[1].Land(2);
  flights.Leave(leaders[2], OnLast::kRetire);
  flights.Leave(followers[2], OnLast::kRetire);
}

TEST(AllocationTest, AnAsyncGroupAllocatesForNeitherLeaderNorFollower) {
  Flights flights(1);
  FlyWithCopiedKeys(flights);
  EXPECT_EQ(AllocationsOf([&] { FlyWithCopiedKeys(flights); }), 0u);
}

TEST(AllocationTest, AnAsyncGroupDoesNotCopyAKeyThatIsMovedIn) {
  Flights flights(1);
  Caller leader, follower;
  std::string first = kKey, second = kKey, third = kKey;
  flights.Join(std::move(first), leader, {}).landing.Land(1);
  EXPECT_EQ(AllocationsOf([&] {
              auto led = flights.Join(std::move(second), leader, {});
              (void)flights.Join(std::move(third), follower, {});
              led.landing.Land(1);
            }),
            0u);
}

// Two flights of each of a few keys, one behind the other, with a follower.
void GatherWithCopiedKeys(Flights& flights) {
  static const std::string kKeys[] = {kKey + "1", kKey + "2", kKey + "3"};
  Caller first[3], second[3], follower[3];
  Flights::Landing ahead[3], behind[3];
  for (int i = 0; i < 3; ++i) {
    ahead[i] = flights.Gather(kKeys[i], first[i], {}).landing;
    behind[i] = flights.Gather(kKeys[i], second[i], {}).landing;
    (void)behind[i].AwaitTurn({}, {}, [](const std::monostate&) {});
    (void)flights.Gather(kKeys[i], follower[i], {});
  }
  behind[0].Start({});
  for (int i = 0; i < 3; ++i) ahead[i].Land(1);
  for (int i = 0; i < 3; ++i) behind[i].Land(2);
}

TEST(AllocationTest, AnAsyncGroupAllocatesNothingForThoseWhoGather) {
  Flights flights(1);
  GatherWithCopiedKeys(flights);
  EXPECT_EQ(AllocationsOf([&] { GatherWithCopiedKeys(flights); }), 0u);
}

}  // namespace
}  // namespace singleflight
