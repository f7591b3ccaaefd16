#include "server/net/worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

namespace singleflight::net {
namespace {

TEST(WorkerTest, TasksOfOneThreadRunInOrderAndNoneIsForgotten) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 2000;
  Worker worker(0);
  worker.Start();
  std::vector<std::vector<int>> ran(kThreads);
  std::vector<std::thread> threads;
  for (std::vector<int>& mine : ran) {
    threads.emplace_back([&worker, &mine] {
      for (int i = 0; i < kTasks; ++i) {
        std::promise<void> done;
        worker.Post([&mine, i] { mine.push_back(i); });
        if (i % 10 != 0) continue;
        worker.Post([&done] { done.set_value(); });
        done.get_future().wait();  // so that the loop falls asleep now and then
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  worker.Stop();
  std::vector<int> all(kTasks - 9);  // up to the last one that was waited for
  std::iota(all.begin(), all.end(), 0);
  for (std::vector<int>& mine : ran) {
    ASSERT_GE(mine.size(), all.size());
    mine.resize(all.size());
    EXPECT_EQ(mine, all);
  }
}

TEST(WorkerTest, TimersRingThoughNothingElseHappens) {
  Worker worker(0);
  std::promise<void> rang;
  base::Timer timer(worker.timers(), [&rang] { rang.set_value(); });
  const base::Instant due = base::After(worker.Now(), absl::Microseconds(1500));
  timer.Set(due);
  worker.Start();
  rang.get_future().wait();
  worker.Stop();
  EXPECT_GE(worker.Now(), due);
}

TEST(WorkerTest, StopLetsTheTaskAtHandEndAndRunsNoOther) {
  Worker worker(0);
  std::promise<void> began, go_on;
  bool ended = false, other = false;
  worker.Post([&] {
    began.set_value();
    go_on.get_future().wait();
    ended = true;
  });
  worker.Post([&] { other = true; });
  worker.Start();
  began.get_future().wait();
  std::thread stopping([&] { worker.Stop(); });
  while (!worker.stopped()) std::this_thread::yield();
  go_on.set_value();
  stopping.join();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(other);
}

TEST(WorkerTest, WhatATaskHoldsAsItGoesUnrunMayPostAgain) {
  auto last = std::make_shared<bool>(true);
  const std::weak_ptr<bool> alive = last;
  auto worker = std::make_unique<Worker>(0);
  worker->Post([duty = std::shared_ptr<void>(
                    nullptr, [&worker = *worker, last](void*) { worker.Post([last] {}); })] {});
  last.reset();
  worker.reset();
  EXPECT_TRUE(alive.expired());
}

// Asks again from within, twice.
class Member final : public EndOfTurn {
 public:
  explicit Member(Worker& worker) : worker_(worker) {}
  void OnEndOfTurn() override {
    if (++told == 3) return done.set_value();
    worker_.AtEndOfTurn(*this);
  }
  int told = 0;
  std::promise<void> done;

 private:
  Worker& worker_;
};

TEST(WorkerTest, WhoAsksAtTheEndOfATurnIsToldInTheNextThoughNothingElseHappens) {
  Worker worker(0);
  Member member(worker);
  worker.Post([&] { worker.AtEndOfTurn(member); });
  worker.Start();
  member.done.get_future().wait();
  worker.Stop();
  EXPECT_EQ(member.told, 3);
}

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
