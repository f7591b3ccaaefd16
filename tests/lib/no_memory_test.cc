// Every allocation fails in turn. Whatever happens then, no flight stays in the air, no waiter
// waits, the key is free, and nothing leaks.

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "singleflight/async_group.h"
#include "singleflight/group.h"
#include "singleflight/join_future.h"
#include "singleflight/keyed_groups.h"
#include "tests/lib/allocations.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

const std::string kKey = "a key too long to be kept inside of a string";

// Runs `scenario` with its first allocation failing, then its second, until there is none to fail.
// `scenario` is told how to ask whether it has failed. Where a sanitizer has operator new, none
// fails and it runs once.
void FailEach(const std::function<void(const FailingAllocation&)>& scenario) {
  bool met = true;
  for (int64_t nth = 1; met; ++nth) {
    SCOPED_TRACE(nth);
    const int64_t before = LiveAllocations();
    {
      const FailingAllocation failing(nth);
      scenario(failing);
      met = failing.met();
    }
    ASSERT_EQ(LiveAllocations(), before);
  }
}

// Does `body`; false where memory was short for it.
template <typename Body>
bool Tried(const Body& body) {
  const FailingAllocation::TakesPart here;
  try {
    body();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

template <typename Groups, typename Lead>
void ExpectFree(const Groups& groups, const Lead& lead) {
  EXPECT_EQ(groups.flights(), 0u);
  EXPECT_EQ(groups.waiting(), 0u);
  EXPECT_EQ(lead(), Role::kLeader);
}

using Texts = KeyedGroups<std::string, std::string>;

Role LeadOnce(Texts& groups) {
  return groups.Do(kKey, [] { return std::string(); }, {.deadline = {}})->role;
}

TEST(NoMemoryTest, ALeaderThatMayBeStopped) {
  FailEach([](const FailingAllocation&) {
    Texts groups(1);
    Tried([&] {
      groups.Do(
          kKey, [](std::stop_token) { return kKey; }, Until{});
    });
    ExpectFree(groups, [&] { return LeadOnce(groups); });
  });
}

TEST(NoMemoryTest, ALeaderWhoseWorkAnExecutorDoes) {
  FailEach([](const FailingAllocation&) {
    Texts groups(1);
    Tried([&] {
      const auto inside = [](const std::function<void()>& task) { task(); };
      groups.DoOn(inside, kKey, [](std::stop_token) { return kKey; }, {});
    });
    ExpectFree(groups, [&] { return LeadOnce(groups); });
  });
}

TEST(NoMemoryTest, AFlightWithAFuture) {
  FailEach([](const FailingAllocation&) {
    AsyncGroup<std::string, std::string> flights(1);
    const auto land = [](auto landing) { landing.Land(kKey); };
    Tried([&] { JoinFuture(flights, kKey, land).get(); });
    EXPECT_EQ(flights.flights(), 0u);
    EXPECT_EQ(flights.waiting(), 0u);
  });
}

TEST(NoMemoryTest, AGroupOfOneKindOfWork) {
  FailEach([](const FailingAllocation&) {
    Group<std::string> group;
    Tried([&] { group.Do([](std::stop_token) { return kKey; }, Until{}); });
    ExpectFree(group, [&] { return group.Do([] { return kKey; }).role; });
  });
}

// A leader, and followers of all kinds, which take whatever comes. Its work ends when the followers
// are aboard, or when memory was short for one, which is not aboard then.
template <typename Work>
void Share(const FailingAllocation& failing, Texts& groups, const Work& work) {
  std::stop_source stop;
  const std::array<std::optional<Until>, 3> waits = {std::nullopt, Until{.stop = stop.get_token()},
                                                     Until{}};
  Threads threads;
  for (const std::optional<Until>& until : waits) {
    threads.Start([&groups, &failing, &work, &until] {
      const auto wait_and_work = [&](std::stop_token) {
        Await([&] { return groups.waiting() == 2 || failing.met(); });
        return work();
      };
      Tried([&] {
        try {
          until ? (void)groups.Do(kKey, wait_and_work, *until)
                : (void)groups.Do(kKey, wait_and_work);
        } catch (const std::runtime_error&) {
        }
      });
    });
  }
  threads.Join();
}

TEST(NoMemoryTest, AResultThatIsCopiedToFollowers) {
  FailEach([](const FailingAllocation& failing) {
    Texts groups(1);
    Share(failing, groups, [] { return kKey; });
    ExpectFree(groups, [&] { return LeadOnce(groups); });
  });
}

TEST(NoMemoryTest, AnExceptionForAll) {
  FailEach([](const FailingAllocation& failing) {
    Texts groups(1);
    Share(failing, groups, []() -> std::string { throw std::runtime_error(kKey); });
    ExpectFree(groups, [&] { return LeadOnce(groups); });
  });
}

TEST(NoMemoryTest, AForgottenFlightAndItsSuccessor) {
  FailEach([](const FailingAllocation&) {
    Texts groups(1);
    const auto inner = [&](std::stop_token) {
      groups.Forget(kKey);
      groups.Do(
          kKey, [](std::stop_token) { return kKey; }, Until{});
      return kKey;
    };
    Tried([&] { groups.Do(kKey, inner, Until{}); });
    ExpectFree(groups, [&] { return LeadOnce(groups); });
  });
}

// So many that the table of flights has to grow while some of them are in the air.
TEST(NoMemoryTest, ManyKeysAtOnce) {
  FailEach([](const FailingAllocation&) {
    KeyedGroups<int, std::string> groups(1);
    const std::function<std::string(int)> nested = [&](int key) {
      if (key == 20) return kKey;
      return groups
          .Do(
              key, [&](std::stop_token) { return nested(key + 1); }, Until{})
          ->value;
    };
    Tried([&] { nested(0); });
    for (int key = 0; key < 20; ++key) {
      ExpectFree(groups, [&] { return groups.Do(key, [] { return std::string(); }).role; });
    }
  });
}

using Flights = AsyncGroup<std::string, std::string, std::shared_ptr<std::string>>;

struct Caller : Flights::Waiter {
  void OnLanded(const std::string*) override { ++landed; }
  int landed = 0;
  int owed = 0;  // flights that it joined and did not leave
};

// The asynchronous group, and what is checked of it at the end.
class AsyncNoMemory {
 public:
  ~AsyncNoMemory() {
    landings_.clear();
    EXPECT_EQ(flights_.flights(), 0u);
    EXPECT_EQ(flights_.waiting(), 0u);
    for (const auto& caller : callers_) EXPECT_EQ(caller->landed, caller->owed);
    Caller last;
    EXPECT_EQ(flights_.Join(kKey, last, {}).role, Role::kLeader);
  }

  void Join(const std::string& key, const JoinLimits& limits = {}) {
    Caller& caller = NewCaller();
    Note(caller, flights_.Join(key, caller, {}, limits));
  }
  void JoinMoved(std::string key) {
    Caller& caller = NewCaller();
    Note(caller, flights_.Join(std::move(key), caller, {}));
  }
  void LeaveAll() {
    for (const auto& caller : callers_) {
      if (caller->aboard()) (void)flights_.Leave(*caller, OnLast::kRetire);
      caller->owed = 0;
    }
  }
  Flights& flights() { return flights_; }
  Flights::Landing& landing(size_t at) { return landings_.at(at); }

 private:
  Caller& NewCaller() {
    landings_.reserve(64);  // what comes after the joining needs no memory
    return *callers_.emplace_back(std::make_unique<Caller>());
  }
  void Note(Caller& caller, Flights::Joined joined) {
    ++caller.owed;
    if (joined.landing) landings_.push_back(std::move(joined.landing));
  }

  Flights flights_{1};
  std::vector<std::unique_ptr<Caller>> callers_;
  std::vector<Flights::Landing> landings_;
};

TEST(NoMemoryTest, AsynchronousFlightsOfManyKeys) {
  FailEach([](const FailingAllocation&) {
    AsyncNoMemory group;
    Tried([&] {
      for (int i = 0; i < 20; ++i) {
        const std::string key = kKey + static_cast<char>('a' + i);
        group.Join(key);
        group.Join(key);
        group.JoinMoved(key + " moved");
      }
      group.landing(0).Land(kKey);
    });
  });
}

TEST(NoMemoryTest, AsynchronousFlightsThatAreSupersededAndForgotten) {
  FailEach([](const FailingAllocation&) {
    AsyncNoMemory group;
    Tried([&] {
      for (int i = 0; i < 20; ++i) group.Join(kKey, {.max_waiters = 1});
      group.flights().Forget(kKey);
      group.Join(kKey);
      group.landing(3).Land(kKey);
    });
  });
}

TEST(NoMemoryTest, AsynchronousFlightsThatAreLeft) {
  FailEach([](const FailingAllocation&) {
    AsyncNoMemory group;
    Tried([&] {
      for (int i = 0; i < 10; ++i) {
        group.Join(kKey + static_cast<char>('a' + i));
        group.landing(static_cast<size_t>(i)).set_context(std::make_shared<std::string>(kKey));
      }
      group.LeaveAll();
    });
  });
}

// The one that leaves last has to be told, or nobody cancels the work: a context that cannot be
// copied leaves everyone aboard.
TEST(NoMemoryTest, WhoCannotBeGivenTheContextHasNotLeft) {
  FailEach([](const FailingAllocation&) {
    AsyncGroup<std::string, int, std::string> flights(1);
    struct : AsyncWaiter<int> {
      void OnLanded(const int*) override { landed = true; }
      bool landed = false;
    } caller;
    auto landing = flights.Join(kKey, caller, {}).landing;
    landing.set_context(kKey);
    const bool left = Tried([&] { (void)flights.Leave(caller, OnLast::kRetire); });
    EXPECT_EQ(caller.aboard(), !left);
    landing.Land(1);
    EXPECT_EQ(caller.landed, !left);
  });
}

}  // namespace
}  // namespace singleflight
