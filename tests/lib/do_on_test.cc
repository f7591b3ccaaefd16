// Leaders whose work an executor does: how they leave, and what becomes of tasks.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "singleflight/group.h"
#include "singleflight/keyed_groups.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;
using Task = std::function<void()>;

constexpr TimePoint kPast{};

// Tasks wait here until the test runs them.
struct Queue {
  void operator()(Task task) { tasks.push_back(std::move(task)); }

  // Each task is gone once it has run.
  void RunAll() {
    for (Task& task : std::exchange(tasks, {})) std::exchange(task, nullptr)();
  }

  std::vector<Task> tasks;
};

class DoOnTest : public ::testing::Test {
 protected:
  using Got = std::optional<Shared<std::string>>;

  void TearDown() override {
    door_.Open();
    queue_.RunAll();
    threads_.Join();
    EXPECT_EQ(groups_.flights(), 0u);
    EXPECT_EQ(groups_.waiting(), 0u);
  }

  // Leads a flight whose task waits in the queue, and leaves.
  template <typename Work>
  void LeadAndLeave(Work work) {
    EXPECT_EQ(groups_.DoOn(std::ref(queue_), "a", std::move(work), {.deadline = kPast}),
              std::nullopt);
    ASSERT_EQ(groups_.flights(), 1u);
  }

  // Follows on a thread of its own.
  void Follow(Until until = {}) {
    const size_t before = groups_.waiting();
    threads_.Start([this, until] {
      try {
        followed_ = groups_.Do("a", Red, until);
      } catch (...) {
        follower_caught_ = std::current_exception();
      }
    });
    Await([&] { return groups_.waiting() > before; });
  }

  static std::string Blue() { return "blue"; }
  static std::string Red() { return "red"; }
  static std::string Fail() { throw std::runtime_error("no database"); }

  // What DoOn throws, to a caller that has no bounds.
  template <typename Executor, typename Work>
  std::exception_ptr CaughtBy(Executor&& executor, Work work) {
    try {
      groups_.DoOn(executor, "a", work, {});
    } catch (...) {
      return std::current_exception();
    }
    return nullptr;
  }

  // Everyone else is done with the exception by then.
  static std::string What(const std::exception_ptr& caught) {
    try {
      if (caught != nullptr) std::rethrow_exception(caught);
    } catch (const std::exception& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  // The leader and a follower get the very same exception.
  void ExpectBothCaught(const std::exception_ptr& leader_caught, const std::string& what) {
    threads_.Join();
    EXPECT_EQ(leader_caught, follower_caught_);
    EXPECT_EQ(What(leader_caught), what);
  }

  KeyedGroups<std::string, std::string> groups_;
  Queue queue_;
  Door door_;
  Got followed_;
  std::exception_ptr follower_caught_;
  Threads threads_;
};

constexpr char kUnanswered[] = "singleflight: the flight ended without a result";

TEST_F(DoOnTest, TheExecutorDoesTheWorkAndTheLeaderWaits) {
  const auto on_a_thread = [&](Task task) { threads_.Start(task); };
  const auto got = groups_.DoOn(on_a_thread, "a", Blue, {});
  EXPECT_EQ(got->value, "blue");
  EXPECT_EQ(got->role, Role::kLeader);
  EXPECT_EQ(got->shared_by, 1u);
}

TEST_F(DoOnTest, AnExecutorMayRunTheTaskInside) {
  const auto inside = [](const auto& task) { task(); };
  EXPECT_EQ(groups_.DoOn(inside, "a", Blue, {})->value, "blue");
  EXPECT_EQ(groups_.DoOn(inside, "a", Blue, {.deadline = kPast})->value, "blue");
}

TEST_F(DoOnTest, ALeaderLeavesAtItsDeadlineAndTheFlightGoesOn) {
  LeadAndLeave(Blue);
  Follow();
  queue_.RunAll();
  threads_.Join();
  EXPECT_EQ(followed_->value, "blue");
  EXPECT_EQ(followed_->role, Role::kFollower);
  EXPECT_EQ(followed_->shared_by, 1u);
}

TEST_F(DoOnTest, ALeaderLeavesWhenItsStopIsRequested) {
  std::stop_source stop;
  threads_.Start([&] {
    EXPECT_EQ(groups_.DoOn(std::ref(queue_), "a", Blue, {.stop = stop.get_token()}), std::nullopt);
  });
  Await([&] { return groups_.waiting() == 1; });
  stop.request_stop();
  threads_.Join();
  EXPECT_EQ(groups_.flights(), 1u);
}

TEST_F(DoOnTest, ACallerThatIsStoppedBeforeItBeginsDoesNothing) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(groups_.DoOn(std::ref(queue_), "a", Blue, {.stop = stop.get_token()}), std::nullopt);
  EXPECT_TRUE(queue_.tasks.empty());
}

TEST_F(DoOnTest, WorkThatAllHaveLeftGoesOnAndCanBeJoined) {
  LeadAndLeave(Blue);
  EXPECT_EQ(groups_.Do("a", Red, {.deadline = kPast}), std::nullopt);
  Follow();
  queue_.RunAll();
  threads_.Join();
  EXPECT_EQ(followed_->value, "blue");
}

TEST_F(DoOnTest, TheLastToLeaveStopsTheWork) {
  std::atomic<bool> stopped = false;
  LeadAndLeave([&](std::stop_token stop) {
    stopped = stop.stop_requested();
    return Blue();
  });
  queue_.RunAll();
  EXPECT_TRUE(stopped);
}

TEST_F(DoOnTest, NobodyJoinsAFlightThatIsBeingStopped) {
  LeadAndLeave([](std::stop_token) { return Blue(); });
  EXPECT_EQ(groups_.Do("a", [] { return std::string("fresh"); }).value, "fresh");
}

TEST_F(DoOnTest, ALeaderThatLeavesDoesNotStopTheWorkForAFollower) {
  std::stop_source leaders_stop, followers_stop;
  std::atomic<bool> stopped = false;
  const auto work = [&](std::stop_token stop) {
    Await([&] { return door_.open() || stop.stop_requested(); });
    stopped = stop.stop_requested();
    return Blue();
  };
  threads_.Start(
      [&] { groups_.DoOn(std::ref(queue_), "a", work, {.stop = leaders_stop.get_token()}); });
  Await([&] { return groups_.waiting() == 1; });
  Follow({.stop = followers_stop.get_token()});
  leaders_stop.request_stop();
  Await([&] { return groups_.waiting() == 1; });
  Threads pool;
  pool.Start([&] { queue_.RunAll(); });
  EXPECT_FALSE(stopped);
  followers_stop.request_stop();  // the last one
  pool.Join();
  EXPECT_TRUE(stopped);
}

TEST_F(DoOnTest, AnExceptionFromTheWorkReachesEveryoneAboard) {
  const auto when_two_wait = [&](Task task) {
    Follow();
    task();
  };
  ExpectBothCaught(CaughtBy(when_two_wait, Fail), "no database");
}

TEST_F(DoOnTest, WhatTheExecutorThrowsReachesEveryoneAboard) {
  const auto full = [&](Task) {
    Follow();
    throw std::runtime_error("the pool is full");
  };
  ExpectBothCaught(CaughtBy(full, Blue), "the pool is full");
  EXPECT_EQ(groups_.Do("a", Red).value, "red");
}

// Its copy of the task may come too late.
TEST_F(DoOnTest, AnExecutorThatKeepsATaskAndThrowsHasThrown) {
  const auto keeps = [&](Task task) {
    queue_(task);
    throw std::runtime_error("the pool is full");
  };
  bool ran = false;
  const auto work = [&] {
    ran = true;
    return Blue();
  };
  EXPECT_EQ(What(CaughtBy(keeps, work)), "the pool is full");
  queue_.RunAll();
  EXPECT_FALSE(ran);
}

TEST_F(DoOnTest, OnceTheWorkHasBegunItCountsAndNotWhatTheExecutorThrows) {
  const auto throws_late = [](Task task) {
    task();
    throw std::runtime_error("too late");
  };
  EXPECT_EQ(groups_.DoOn(throws_late, "a", Blue, {})->value, "blue");
}

TEST_F(DoOnTest, ATaskThatIsDroppedAnswersEveryoneAboard) {
  const auto drops = [&](Task) { Follow(); };
  ExpectBothCaught(CaughtBy(drops, Blue), kUnanswered);
  EXPECT_EQ(groups_.Do("a", Red).value, "red");
}

TEST_F(DoOnTest, ATaskThatIsDroppedLaterAnswersToo) {
  LeadAndLeave(Blue);
  Follow();
  queue_.tasks.clear();
  threads_.Join();
  EXPECT_EQ(What(follower_caught_), kUnanswered);
}

TEST_F(DoOnTest, OfTheCopiesOfATaskTheFirstDoesTheWork) {
  int done = 0;
  const auto twice = [](Task task) {
    const Task copy = task;
    task();
    copy();
  };
  groups_.DoOn(twice, "a", [&] { return ++done, Blue(); }, {});
  EXPECT_EQ(done, 1);
}

TEST_F(DoOnTest, TheKeyAndTheWorkAreKeptUntilTheTaskIsGone) {
  const auto used = std::make_shared<std::string>("blue");
  {
    const std::string key = "a key too long to be kept inside of a string";
    groups_.DoOn(std::ref(queue_), key, [used] { return *used; }, {.deadline = kPast});
  }
  EXPECT_EQ(used.use_count(), 2);
  queue_.RunAll();
  EXPECT_EQ(used.use_count(), 1);
}

TEST_F(DoOnTest, CallersOfDoOnFollowAFlightOfDoAndLeaveIt) {
  threads_.Start([&] {
    groups_.Do("a", [&] {
      door_.Pass();
      return Blue();
    });
  });
  Await([&] { return groups_.flights() == 1; });
  EXPECT_EQ(groups_.DoOn(std::ref(queue_), "a", Red, {.deadline = kPast}), std::nullopt);
  EXPECT_TRUE(queue_.tasks.empty());
}

TEST_F(DoOnTest, WorkThatAsksForItsOwnKeyDoesNotWaitForItself) {
  const auto inside = [](Task task) { task(); };
  const auto asks_itself = [&] { return groups_.DoOn(inside, "a", Red, {})->value; };
  EXPECT_EQ(What(CaughtBy(inside, asks_itself)), RecursiveCall().what());
}

TEST_F(DoOnTest, ForgottenWorkServesThoseAboard) {
  LeadAndLeave(Blue);
  Follow();
  EXPECT_TRUE(groups_.Forget("a"));
  EXPECT_EQ(groups_.Do("a", [] { return std::string("fresh"); }).value, "fresh");
  queue_.RunAll();
  threads_.Join();
  EXPECT_EQ(followed_->value, "blue");
}

TEST(DoOnGroupTest, AGroupOfOneKindOfWorkLeavesToo) {
  Group<void> group;
  Queue queue;
  int done = 0;
  EXPECT_FALSE(group.DoOn(std::ref(queue), [&] { ++done; }, {.deadline = kPast}));
  EXPECT_EQ(group.flights(), 1u);
  queue.RunAll();
  EXPECT_EQ(done, 1);
  EXPECT_EQ(group.flights(), 0u);
}

TEST(DoOnDeathTest, AGroupIsNotDestroyedWithAFlightInTheAir) {
  Queue queue;
  EXPECT_DEATH(
      {
        Group<int> group;
        group.DoOn(std::ref(queue), [] { return 7; }, {.deadline = kPast});
      },
      "a group was destroyed with a flight in the air");
}

// Leaders and followers come and leave while others run and drop their tasks.
TEST(DoOnStressTest, EveryCallerLeavesOrIsAnswered) {
  KeyedGroups<int, int> groups;
  std::atomic<int> ended = 0;
  const auto ask = [&](int who) {
    Threads pool;
    const auto now_and_then_drops = [&](Task task) {
      if (who % 4 == 3) return;
      pool.Start(std::move(task));
    };
    for (int round = 0; round < 200; ++round) {
      const Until until = {.deadline = round % 3 == 0 ? kPast : TimePoint::max()};
      try {
        const auto got = groups.DoOn(
            now_and_then_drops, round % 2, [](std::stop_token) { return 7; }, until);
        EXPECT_EQ(got ? got->value : 7, 7);
      } catch (const Unanswered&) {
      }
      pool.Join();
      ++ended;
    }
  };
  {
    Threads callers;
    for (int who = 0; who < 4; ++who) callers.Start([&ask, who] { ask(who); });
  }
  EXPECT_EQ(ended, 800);
  EXPECT_EQ(groups.flights(), 0u);
}

}  // namespace
}  // namespace singleflight
