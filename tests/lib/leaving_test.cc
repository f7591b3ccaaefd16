// How callers leave a blocking flight, and what happens to the work.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "singleflight/keyed_groups.h"
#include "tests/lib/threads.h"

namespace singleflight {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

constexpr TimePoint kPast{};
constexpr TimePoint kNever = TimePoint::max();

// One leader whose work stands before a door, stoppable if the test says so.
class LeavingTest : public ::testing::Test {
 protected:
  void TearDown() override {
    door_.Open();
    threads_.Join();
    EXPECT_EQ(groups_.flights(), 0u);
    EXPECT_EQ(groups_.waiting(), 0u);
  }

  void Lead(Until until = {}) {
    threads_.Start([this, until] {
      led_ = groups_.Do(
          "a", [this] { return Work(); }, until);
    });
    Await([this] { return groups_.flights() == 1; });
  }

  // The leader's work ends at the door or when its stop is requested.
  void LeadStoppable(Until until) {
    threads_.Start([this, until] {
      const auto work = [this](std::stop_token stop) {
        stoppable_ = true;
        Await([&] { return stop.stop_requested() || door_.open(); });
        stopped_ = stop.stop_requested();
        return std::string("blue");
      };
      led_ = groups_.Do("a", work, until);
    });
    Await([this] { return stoppable_.load(); });
  }

  void Follow(Until until) {
    const size_t before = groups_.waiting();
    threads_.Start([this, until] {
      followed_ = groups_.Do(
          "a", [] { return std::string("red"); }, until);
    });
    Await([this, before] { return groups_.waiting() > before; });
  }

  // Joins and leaves immediately, because the deadline has passed.
  std::optional<Shared<std::string>> LeaveAtOnce(TimePoint deadline = kPast) {
    return groups_.Do("a", [] { return std::string("red"); }, {.deadline = deadline});
  }

  std::string Work() {
    door_.Pass();
    return "blue";
  }

  KeyedGroups<std::string, std::string> groups_;
  Door door_;
  std::atomic<bool> stoppable_ = false;
  std::atomic<bool> stopped_ = false;
  std::optional<Shared<std::string>> led_;
  std::optional<Shared<std::string>> followed_;
  std::stop_source stop_;
  Threads threads_;
};

TEST_F(LeavingTest, AFollowerLeavesAtItsDeadlineAndTheFlightGoesOn) {
  Lead();
  EXPECT_EQ(LeaveAtOnce(), std::nullopt);
  EXPECT_EQ(groups_.flights(), 1u);
  door_.Open();
  threads_.Join();
  EXPECT_EQ(led_->value, "blue");
  EXPECT_EQ(led_->shared_by, 1u);
}

TEST_F(LeavingTest, AFollowerLeavesWhenItsStopIsRequested) {
  Lead();
  Follow({.stop = stop_.get_token()});
  stop_.request_stop();
  Await([this] { return groups_.waiting() == 0; });
  EXPECT_EQ(groups_.flights(), 1u);
  door_.Open();
  threads_.Join();
  EXPECT_EQ(followed_, std::nullopt);
}

TEST_F(LeavingTest, OneLeavingFollowerDoesNotDisturbTheOthers) {
  Lead();
  Follow({.deadline = kNever});
  EXPECT_EQ(LeaveAtOnce(), std::nullopt);
  door_.Open();
  threads_.Join();
  EXPECT_EQ(followed_->value, "blue");
  EXPECT_EQ(followed_->shared_by, 2u);
}

TEST_F(LeavingTest, AFollowerInTimeGetsTheResult) {
  Lead();
  Follow({.deadline = kNever, .stop = stop_.get_token()});
  door_.Open();
  threads_.Join();
  EXPECT_EQ(followed_->value, "blue");
  EXPECT_EQ(followed_->role, Role::kFollower);
}

TEST_F(LeavingTest, ACallerThatIsStoppedBeforeItBeginsDoesNothing) {
  stop_.request_stop();
  EXPECT_EQ(groups_.Do("a", [this] { return Work(); }, {.stop = stop_.get_token()}), std::nullopt);
}

TEST_F(LeavingTest, ALeaderReturnsTheResultHoweverLate) {
  door_.Open();
  EXPECT_EQ(groups_.Do("a", [this] { return Work(); }, {.deadline = kPast})->value, "blue");
}

TEST_F(LeavingTest, ALeaderThatLeavesAloneStopsTheWork) {
  LeadStoppable({.stop = stop_.get_token()});
  stop_.request_stop();
  threads_.Join();
  EXPECT_TRUE(stopped_);
}

TEST_F(LeavingTest, ALeadersStopDoesNotStopTheWorkForAFollower) {
  LeadStoppable({.stop = stop_.get_token()});
  Follow({});
  stop_.request_stop();
  door_.Open();
  threads_.Join();
  EXPECT_FALSE(stopped_);
  EXPECT_EQ(followed_->value, "blue");
}

TEST_F(LeavingTest, TheLastFollowerStopsTheWorkOfALeaderThatIsGone) {
  LeadStoppable({.stop = stop_.get_token()});
  std::stop_source followers_stop;
  Follow({.stop = followers_stop.get_token()});
  stop_.request_stop();
  EXPECT_FALSE(stopped_);
  followers_stop.request_stop();
  threads_.Join();
  EXPECT_TRUE(stopped_);
}

TEST_F(LeavingTest, TheLastFollowerStopsTheWorkOfALeaderWhoseDeadlineHasPassed) {
  LeadStoppable({.deadline = kPast});
  EXPECT_EQ(LeaveAtOnce(), std::nullopt);
  threads_.Join();
  EXPECT_TRUE(stopped_);
}

// Whichever follower learned it, and whichever leaves last.
TEST_F(LeavingTest, ThatTheLeadersDeadlineHasPassedIsNotForgotten) {
  LeadStoppable({.deadline = kPast});
  Follow({.stop = stop_.get_token()});
  EXPECT_EQ(LeaveAtOnce(), std::nullopt);
  EXPECT_FALSE(stopped_);
  stop_.request_stop();
  threads_.Join();
  EXPECT_TRUE(stopped_);
}

TEST_F(LeavingTest, AFollowerThatLeavesBeforeTheLeaderStopsNothing) {
  LeadStoppable({.deadline = kNever});
  EXPECT_EQ(LeaveAtOnce(), std::nullopt);
  door_.Open();
  threads_.Join();
  EXPECT_FALSE(stopped_);
}

TEST_F(LeavingTest, NobodyJoinsAFlightThatIsBeingStopped) {
  std::atomic<bool> began = false;
  threads_.Start([&] {
    const auto deaf = [&](std::stop_token) {
      began = true;
      return Work();
    };
    led_ = groups_.Do("a", deaf, {.stop = stop_.get_token()});
  });
  Await([&] { return began.load(); });
  stop_.request_stop();
  EXPECT_EQ(groups_.Do("a", [] { return std::string("fresh"); }).value, "fresh");
}

TEST_F(LeavingTest, WorkThatTakesNoTokenStaysJoinableWhenAllFollowersHaveLeft) {
  Lead({.deadline = kPast});
  EXPECT_EQ(LeaveAtOnce(), std::nullopt);
  Follow({});
  door_.Open();
  threads_.Join();
  EXPECT_EQ(followed_->value, "blue");
}

TEST_F(LeavingTest, AFollowerWhoseStopComesTogetherWithTheResultEndsEitherWay) {
  for (int round = 0; round < 200; ++round) {
    KeyedGroups<int, int> groups;
    std::stop_source stop;
    Threads threads;
    threads.Start([&] {
      groups.Do(1, [&] {
        Await([&] { return groups.waiting() == 1; });
        return 7;
      });
    });
    Await([&] { return groups.flights() == 1; });
    threads.Start([&] { stop.request_stop(); });
    const auto got = groups.Do(1, [] { return 7; }, {.stop = stop.get_token()});
    EXPECT_EQ(got.has_value() ? got->value : 7, 7);
    // Stopped before it began: somebody has to wait for the leader's work to end.
    if (groups.flights() == 1) groups.Do(1, [] { return 7; });
  }
}

}  // namespace
}  // namespace singleflight
