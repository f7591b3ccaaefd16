#include "singleflight/group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "singleflight/mutex.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Field;
using ::testing::SizeIs;

// A group whose work stands before a door, and the callers that share one run of it.
class GroupTest : public ::testing::Test {
 protected:
  void TearDown() override {
    threads_.Join();
    EXPECT_EQ(group_.flights(), 0u);
    EXPECT_EQ(group_.waiting(), 0u);
  }

  std::string Work() {
    ++runs_;
    door_.Pass();
    if (fails_) throw std::runtime_error("no such thing");
    return "blue";
  }

  void Call() {
    threads_.Start([this] {
      try {
        Shared<std::string> got = group_.Do([this] { return Work(); });
        MutexLock lock(mu_);
        results_.push_back(std::move(got));
      } catch (...) {
        MutexLock lock(mu_);
        errors_.push_back(std::current_exception());
      }
    });
  }

  void CallersAboard(int callers) {
    Call();
    Await([this] { return group_.flights() > 0; });
    for (int i = 1; i < callers; ++i) Call();
    Await([&] { return group_.waiting() == static_cast<size_t>(callers - 1); });
  }

  void Land() {
    door_.Open();
    threads_.Join();
  }

  size_t Leaders() {
    MutexLock lock(mu_);
    size_t leaders = 0;
    for (const auto& result : results_) leaders += result.role == Role::kLeader;
    return leaders;
  }

  Group<std::string> group_;
  std::atomic<int> runs_ = 0;
  std::atomic<bool> fails_ = false;
  Door door_;
  Mutex mu_;
  std::vector<Shared<std::string>> results_;  // after Land
  std::vector<std::exception_ptr> errors_;
  Threads threads_;
};

TEST_F(GroupTest, ALoneCallerLeadsAndSharesWithNobody) {
  door_.Open();
  const auto got = group_.Do([this] { return Work(); });
  EXPECT_EQ(got.value, "blue");
  EXPECT_EQ(got.role, Role::kLeader);
  EXPECT_EQ(got.shared_by, 1u);
}

TEST_F(GroupTest, EveryoneWhoArrivesMeanwhileGetsTheOneResult) {
  CallersAboard(5);
  Land();
  EXPECT_EQ(runs_, 1);
  EXPECT_THAT(results_, SizeIs(5));
  EXPECT_THAT(results_, Each(AllOf(Field(&Shared<std::string>::value, "blue"),
                                   Field(&Shared<std::string>::shared_by, 5u))));
}

TEST_F(GroupTest, ExactlyOneCallerOfAFlightIsItsLeader) {
  CallersAboard(5);
  Land();
  EXPECT_EQ(Leaders(), 1u);
}

TEST_F(GroupTest, OneExceptionReachesEveryCaller) {
  fails_ = true;
  CallersAboard(4);
  Land();
  EXPECT_THAT(errors_, SizeIs(4));
  EXPECT_THAT(errors_, Each(errors_[0]));
  EXPECT_THROW(std::rethrow_exception(errors_[0]), std::runtime_error);
}

TEST_F(GroupTest, WorkRunsAgainAfterAnException) {
  fails_ = true;
  CallersAboard(2);
  Land();
  fails_ = false;
  EXPECT_EQ(group_.Do([this] { return Work(); }).value, "blue");
}

TEST_F(GroupTest, ForgettingStartsAnewAndStillServesThoseAboard) {
  CallersAboard(3);
  EXPECT_TRUE(group_.Forget());
  EXPECT_EQ(group_.Do([] { return std::string("red"); }).value, "red");
  Land();
  EXPECT_THAT(results_, SizeIs(3));
  EXPECT_THAT(results_, Each(Field(&Shared<std::string>::value, "blue")));
}

TEST_F(GroupTest, ForgettingNothingSaysSo) { EXPECT_FALSE(group_.Forget()); }

TEST_F(GroupTest, AFollowersWorkIsNotRun) {
  CallersAboard(1);
  threads_.Start([this] {
    group_.Do([]() -> std::string {
      ADD_FAILURE();
      return {};
    });
  });
  Await([this] { return group_.waiting() == 1; });
  Land();
}

TEST(GroupValueTest, WorkMayReturnNothing) {
  Group<void> group;
  int runs = 0;
  const Shared<void> done = group.Do([&] { ++runs; });
  EXPECT_EQ(done.role, Role::kLeader);
  EXPECT_EQ(done.shared_by, 1u);
  EXPECT_EQ(runs, 1);
}

TEST(GroupValueTest, WorkThatReturnsNothingIsSharedToo) {
  Group<void> group;
  Door door;
  std::atomic<int> runs = 0;
  Threads threads;
  for (int i = 0; i < 3; ++i) {
    threads.Start([&] {
      group.Do([&] {
        ++runs;
        door.Pass();
      });
    });
  }
  Await([&] { return group.waiting() == 2; });
  door.Open();
  threads.Join();
  EXPECT_EQ(runs, 1);
}

TEST(GroupValueTest, ASharedPointerIsTheSameObjectForAll) {
  Group<std::shared_ptr<const int>> group;
  std::shared_ptr<const int> led, followed;
  Threads threads;
  threads.Start([&] {
    led = group
              .Do([&] {
                Await([&] { return group.waiting() == 1; });
                return std::make_shared<const int>(7);
              })
              .value;
  });
  Await([&] { return group.flights() == 1; });
  followed = group.Do([] { return nullptr; }).value;
  threads.Join();
  EXPECT_EQ(led, followed);
  EXPECT_EQ(*led, 7);
}

// Throws when it is copied, as a string does when memory is short.
struct Uncopyable {
  Uncopyable() = default;
  Uncopyable(Uncopyable&&) = default;
  Uncopyable(const Uncopyable&) { throw std::bad_alloc(); }
};

TEST(GroupValueTest, ACopyThatFailsFailsForItsFollowerOnly) {
  Group<Uncopyable> group;
  Threads threads;
  threads.Start([&] {
    EXPECT_NO_THROW(group.Do([&] {
      Await([&] { return group.waiting() == 1; });
      return Uncopyable();
    }));
  });
  Await([&] { return group.flights() == 1; });
  EXPECT_THROW(group.Do([] { return Uncopyable(); }), std::bad_alloc);
}

TEST(GroupValueTest, StoppableWorkWithoutAnyoneWhoMayLeaveGetsATokenThatNeverStops) {
  Group<bool> group;
  EXPECT_FALSE(group.Do([](std::stop_token stop) { return stop.stop_possible(); }).value);
}

}  // namespace
}  // namespace singleflight
