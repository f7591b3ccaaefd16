#include "singleflight/keyed_groups.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "absl/strings/string_view.h"
#include "singleflight/group.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

using Groups = KeyedGroups<std::string, std::string>;

TEST(KeyedGroupsTest, DifferentKeysRunAtTheSameTime) {
  Groups groups;
  std::atomic<int> running = 0;
  Threads threads;
  const auto both = [&] {
    ++running;
    Await([&] { return running == 2; });
    return std::string();
  };
  threads.Start([&] { groups.Do("a", both); });
  threads.Start([&] { groups.Do("b", both); });
  threads.Join();
  EXPECT_EQ(groups.flights(), 0u);
}

TEST(KeyedGroupsTest, CallersOfOneKeyShareWhateverTheShard) {
  for (size_t shards : {1, 3, 64}) {
    Groups groups(shards);
    Threads threads;
    threads.Start([&] {
      groups.Do("a", [&] {
        Await([&] { return groups.waiting() == 1; });
        return std::string("blue");
      });
    });
    Await([&] { return groups.flights() == 1; });
    const auto got = groups.Do("a", [] { return std::string("red"); });
    EXPECT_EQ(got.value, "blue");
    EXPECT_EQ(got.role, Role::kFollower);
    EXPECT_EQ(got.shared_by, 2u);
  }
}

struct SameHash {
  size_t operator()(const std::string&) const { return 7; }
};

TEST(KeyedGroupsTest, KeysThatOnlyShareTheirHashShareNothingElse) {
  KeyedGroups<std::string, std::string, SameHash> groups;
  const auto inner = [&] { return groups.Do("b", [] { return std::string("of b"); }).value; };
  EXPECT_EQ(groups.Do("a", inner).value, "of b");
}

TEST(KeyedGroupsTest, AKeyMayBeAView) {
  KeyedGroups<absl::string_view, int> groups;
  const std::string key = "a key that lives as long as the call";
  EXPECT_EQ(groups.Do(key, [] { return 7; }).value, 7);
}

TEST(KeyedGroupsTest, MoreKeysAtATimeThanTheTableBeganWith) {
  KeyedGroups<int, int> groups(1);
  // Each piece of work asks for the next key: a hundred flights in the air, in one thread.
  const auto depth = [&](auto& self, int key) -> int {
    return key == 100 ? 0 : groups.Do(key, [&] { return 1 + self(self, key + 1); }).value;
  };
  EXPECT_EQ(depth(depth, 0), 100);
  EXPECT_EQ(groups.flights(), 0u);
}

class CountingHash {
 public:
  explicit CountingHash(std::atomic<int>& calls) : calls_(calls) {}
  size_t operator()(int key) const {
    ++calls_;
    return static_cast<size_t>(key);
  }

 private:
  std::atomic<int>& calls_;
};

TEST(KeyedGroupsTest, AKeyIsHashedOncePerCall) {
  std::atomic<int> hashed = 0;
  KeyedGroups<int, int, CountingHash> groups(64, CountingHash(hashed));
  groups.Do(1, [] { return 0; });
  EXPECT_EQ(hashed, 1);
  groups.Forget(1);
  EXPECT_EQ(hashed, 2);
}

TEST(RecursionTest, WorkThatAsksForItsOwnKeyIsToldSo) {
  Groups groups;
  const auto itself = [&] { return groups.Do("a", [] { return std::string(); }).value; };
  EXPECT_THROW(groups.Do("a", itself), RecursiveCall);
  EXPECT_EQ(groups.Do("a", [] { return std::string("blue"); }).value, "blue");
}

TEST(RecursionTest, ADetourThroughOtherKeysAndGroupsIsSeenToo) {
  Groups groups;
  Group<std::string> other;
  const auto third = [&] { return groups.Do("a", [] { return std::string(); }).value; };
  const auto second = [&] { return other.Do(third).value; };
  const auto first = [&] { return groups.Do("b", second).value; };
  EXPECT_THROW(groups.Do("a", first), RecursiveCall);
  EXPECT_EQ(groups.flights() + other.flights(), 0u);
}

TEST(RecursionTest, AfterForgettingItselfWorkMayAskAgain) {
  Groups groups;
  const auto again = [&] {
    groups.Forget("a");
    return groups.Do("a", [] { return std::string("fresh"); }).value;
  };
  EXPECT_EQ(groups.Do("a", again).value, "fresh");
}

TEST(RecursionTest, WorkMayFollowAFlightOfAnotherThread) {
  Groups groups;
  Threads threads;
  threads.Start([&] {
    groups.Do("b", [&] {
      Await([&] { return groups.waiting() == 1; });
      return std::string("of b");
    });
  });
  Await([&] { return groups.flights() == 1; });
  const auto work = [&] { return groups.Do("b", [] { return std::string(); }).value; };
  EXPECT_EQ(groups.Do("a", work).value, "of b");
}

}  // namespace
}  // namespace singleflight
