#include "server/net/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <vector>

namespace singleflight::net {
namespace {

class LineTest : public ::testing::Test {
 protected:
  LineTest() { worker_.Start(); }
  ~LineTest() override { worker_.Stop(); }

  // Runs `work` on the worker and waits until it has.
  void Run(std::function<void()> work) {
    std::promise<void> done;
    worker_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void AwaitEndOfLine() {
    std::promise<void> done;
    worker_.Post([&] { worker_.InLine([&] { done.set_value(); }); });
    done.get_future().wait();
  }

  // So that few tasks in line fit into one move of it.
  static void TakeTime() {
    volatile int spins = 0;
    while (spins < 50000) spins = spins + 1;
  }

  Worker worker_{0};
};

TEST_F(LineTest, TasksRunInTheOrderInWhichTheyCame) {
  std::vector<int> order;
  Run([&] {
    for (int i = 0; i < 5; ++i) worker_.InLine([&order, i] { order.push_back(i); });
  });
  AwaitEndOfLine();
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(LineTest, ATaskMayStandInLineAgain) {
  int left = 3;
  std::promise<void> done;
  std::function<void()> again = [&] {
    if (--left == 0) return done.set_value();
    worker_.InLine(again);
  };
  Run([&] { worker_.InLine(again); });
  done.get_future().wait();
  EXPECT_EQ(left, 0);
}

TEST_F(LineTest, WhatIsPostedDoesNotWaitForTheEndOfTheLine) {
  constexpr int kTasks = 1000;
  int done = 0, done_before = kTasks;
  Run([&] {
    worker_.InLine([&] { worker_.Post([&] { done_before = done; }); });
    for (int i = 0; i < kTasks; ++i) {
      worker_.InLine([&] {
        TakeTime();
        ++done;
      });
    }
  });
  AwaitEndOfLine();
  EXPECT_LT(done_before, kTasks / 10);
  EXPECT_EQ(done, kTasks);
}

TEST_F(LineTest, TheLineMovesThoughTheLoopIsNeverQuiet) {
  bool moved = false;
  std::promise<void> done;
  std::function<void()> busy = [&] {
    if (moved) return done.set_value();
    worker_.Post(busy);
  };
  Run([&] {
    busy();
    worker_.InLine([&] { moved = true; });
  });
  done.get_future().wait();
  EXPECT_TRUE(moved);
}

TEST_F(LineTest, WhatStandsInLineWhenTheWorkerStopsIsDestroyedUnrun) {
  auto kept = std::make_shared<bool>(false);
  const std::weak_ptr<bool> alive = kept;
  auto worker = std::make_unique<Worker>(1);
  worker->InLine([kept = std::move(kept)] { *kept = true; });  // its thread was never started
  ASSERT_FALSE(alive.expired());
  worker.reset();
  EXPECT_TRUE(alive.expired());
}

}  // namespace
}  // namespace singleflight::net
