// In the steady state a call allocates nothing, whether it leads or follows. Every allocation of
// this program is counted, per thread.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <new>
#include <stop_token>
#include <string>
#include <thread>

#include "singleflight/async_group.h"
#include "singleflight/group.h"
#include "singleflight/keyed_groups.h"
#include "tests/lib/threads.h"

namespace {
constinit thread_local size_t allocations = 0;
}  // namespace

// Clang's sanitizers only: GCC brings no header for the hook, and its sanitizers put up with
// operators of ours.
#if defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#ifdef SANITIZED
// They have operators of their own, and a hook to count by.
#include <sanitizer/allocator_interface.h>

namespace {
void Count(const volatile void*, size_t) { ++allocations; }
void Ignore(const volatile void*) {}
const int installed = __sanitizer_install_malloc_and_free_hooks(Count, Ignore);
}  // namespace
#else
#ifndef __clang__
// GCC inlines one half of a pair below and then complains that the halves do not match.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
void* operator new(size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(size_t size, std::align_val_t alignment) {
  ++allocations;
  const size_t align = static_cast<size_t>(alignment);
  if (void* const memory = std::aligned_alloc(align, (size + align - 1) / align * align)) {
    return memory;
  }
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
#endif

namespace singleflight {
namespace {

const std::string kKey = "a key too long to be kept inside of a string";

template <typename Body>
size_t AllocationsOf(Body&& body) {
  const size_t before = allocations;
  body();
  return allocations - before;
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

}  // namespace
}  // namespace singleflight
