#include "server/base/timer_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace singleflight::base {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A timer that does anything, even destroy itself.
struct Doing {
  std::function<void()> then;
};
struct CallbackTimer : Doing, Timer {
  CallbackTimer(TimerQueue& queue, std::function<void()> then)
      : Doing{std::move(then)}, Timer(queue, [this] {
          const std::function<void()> copy = this->then;
          copy();
        }) {}
};

class TimerQueueTest : public ::testing::Test {
 protected:
  // A timer that writes down its name when it fires.
  std::unique_ptr<CallbackTimer> Named(const std::string& name) {
    return std::make_unique<CallbackTimer>(queue_, [this, name] { fired_.push_back(name); });
  }
  static Instant At(int ms) { return Instant() + std::chrono::milliseconds(ms); }

  void TearDown() override { EXPECT_EQ(queue_.size(), 0); }

  TimerQueue queue_;
  std::vector<std::string> fired_;
};

TEST_F(TimerQueueTest, TimersFireInTheOrderOfTheirTimes) {
  const auto c = Named("c"), a = Named("a"), b = Named("b");
  c->Set(At(30));
  a->Set(At(10));
  b->Set(At(20));
  queue_.Advance(At(100));
  EXPECT_THAT(fired_, ElementsAre("a", "b", "c"));
}

TEST_F(TimerQueueTest, ATimerFiresAtItsTimeAndNotBefore) {
  const auto timer = Named("a");
  timer->Set(At(10));
  queue_.Advance(At(9));
  EXPECT_THAT(fired_, IsEmpty());
  queue_.Advance(At(10));
  EXPECT_THAT(fired_, ElementsAre("a"));
}

TEST_F(TimerQueueTest, ATimerFiresOncePerSetting) {
  const auto timer = Named("a");
  timer->Set(At(10));
  queue_.Advance(At(10));
  queue_.Advance(At(20));
  EXPECT_THAT(fired_, ElementsAre("a"));
  EXPECT_FALSE(timer->pending());
}

TEST_F(TimerQueueTest, SettingAgainReplacesTheEarlierTime) {
  const auto timer = Named("a");
  timer->Set(At(10));
  timer->Set(At(50));
  queue_.Advance(At(49));
  EXPECT_THAT(fired_, IsEmpty());
  queue_.Advance(At(50));
  EXPECT_THAT(fired_, ElementsAre("a"));
}

TEST_F(TimerQueueTest, ACancelledTimerDoesNotFire) {
  const auto a = Named("a"), b = Named("b");
  a->Set(At(10));
  b->Set(At(20));
  a->Cancel();
  a->Cancel();
  queue_.Advance(At(100));
  EXPECT_THAT(fired_, ElementsAre("b"));
}

TEST_F(TimerQueueTest, ADestroyedTimerDoesNotFire) {
  auto timer = Named("a");
  timer->Set(At(10));
  timer.reset();
  queue_.Advance(At(100));
  EXPECT_THAT(fired_, IsEmpty());
}

TEST_F(TimerQueueTest, NextIsTheEarliestTimeOrNothing) {
  const auto a = Named("a"), b = Named("b");
  EXPECT_FALSE(queue_.next().has_value());
  a->Set(At(20));
  b->Set(At(10));
  EXPECT_EQ(queue_.next(), At(10));
  b->Cancel();
  EXPECT_EQ(queue_.next(), At(20));
  a->Cancel();
}

TEST_F(TimerQueueTest, ACallbackMaySetItsOwnTimerAgain) {
  int fired = 0;
  std::unique_ptr<CallbackTimer> timer;
  timer = std::make_unique<CallbackTimer>(queue_, [&] {
    if (++fired < 3) timer->Set(At(10 * (fired + 1)));
  });
  timer->Set(At(10));
  for (int ms = 10; ms <= 30; ms += 10) queue_.Advance(At(ms));
  EXPECT_EQ(fired, 3);
}

TEST_F(TimerQueueTest, ATimerThatSetsItselfForTheSameInstantDoesNotHoldUpTheQueue) {
  int fired = 0;
  std::unique_ptr<CallbackTimer> timer;
  timer = std::make_unique<CallbackTimer>(queue_, [&] {
    ++fired;
    timer->Set(At(10));
  });
  const auto other = Named("other");
  timer->Set(At(5));
  other->Set(At(10));
  queue_.Advance(At(10));
  EXPECT_EQ(fired, 1);
  EXPECT_THAT(fired_, ElementsAre("other"));
  EXPECT_GT(queue_.next(), At(10));
  queue_.Advance(At(11));
  EXPECT_EQ(fired, 2);
  timer->Cancel();
}

TEST_F(TimerQueueTest, ACallbackMayCancelATimerThatIsDueAsWell) {
  const auto victim = Named("victim");
  CallbackTimer killer(queue_, [&] { victim->Cancel(); });
  killer.Set(At(10));
  victim->Set(At(11));
  queue_.Advance(At(100));
  EXPECT_THAT(fired_, IsEmpty());
}

TEST_F(TimerQueueTest, ATimerMayBeDestroyedByItsOwnCallback) {
  const auto after = Named("after");
  std::unique_ptr<CallbackTimer> timer;
  timer = std::make_unique<CallbackTimer>(queue_, [&] { timer.reset(); });
  timer->Set(At(10));
  after->Set(At(20));
  queue_.Advance(At(100));
  EXPECT_EQ(timer, nullptr);
  EXPECT_THAT(fired_, ElementsAre("after"));
}

// 50,000 random operations on 64 timers, beside a model that is a sorted map.
TEST_F(TimerQueueTest, AgreesWithASortedMapWhateverIsDone) {
  constexpr int kTimers = 64;
  std::mt19937 random(7);
  std::vector<int> fired;
  std::vector<std::unique_ptr<CallbackTimer>> timers;
  for (int i = 0; i < kTimers; ++i) {
    timers.push_back(std::make_unique<CallbackTimer>(queue_, [&fired, i] { fired.push_back(i); }));
  }
  std::map<int, int> due;  // time -> timer; times are distinct, so the order is certain
  std::vector<int> set_for(kTimers, -1);
  int now = 0;
  for (int step = 0; step < 50'000; ++step) {
    const int i = static_cast<int>(random() % kTimers);
    const int when = now + 1 + static_cast<int>(random() % 1000);
    switch (random() % 4) {
      case 0:
      case 1:
        if (due.contains(when)) break;
        if (set_for[i] >= 0) due.erase(set_for[i]);
        due[when] = i;
        set_for[i] = when;
        timers[i]->Set(At(when));
        break;
      case 2:
        if (set_for[i] >= 0) due.erase(set_for[i]);
        set_for[i] = -1;
        timers[i]->Cancel();
        break;
      case 3: {
        now += static_cast<int>(random() % 50);
        std::vector<int> expected;
        while (!due.empty() && due.begin()->first <= now) {
          expected.push_back(due.begin()->second);
          set_for[due.begin()->second] = -1;
          due.erase(due.begin());
        }
        fired.clear();
        queue_.Advance(At(now));
        ASSERT_EQ(fired, expected);
        break;
      }
    }
    ASSERT_EQ(queue_.size(), due.size());
    if (!due.empty() && random() % 4 == 0) {  // what is set in between stands behind the heap
      ASSERT_EQ(queue_.next(), At(due.begin()->first));
    }
  }
}

TEST(AfterTest, AddsADuration) {
  const Instant start = Instant() + std::chrono::hours(1);
  EXPECT_EQ(After(start, absl::Milliseconds(5)), start + std::chrono::milliseconds(5));
  EXPECT_EQ(After(start, absl::ZeroDuration()), start);
  EXPECT_EQ(After(start, -absl::Minutes(1)), start - std::chrono::minutes(1));
}

TEST(AfterTest, StopsAtTheFarEndOfTime) {
  const Instant start = Instant() + std::chrono::hours(1);
  EXPECT_EQ(After(start, absl::InfiniteDuration()), Instant::max());
  EXPECT_EQ(After(start, absl::Hours(99'999'999)), Instant::max());  // the longest grpc-timeout
  EXPECT_EQ(After(Instant::max(), absl::Nanoseconds(1)), Instant::max());
  EXPECT_EQ(After(Instant::max() - std::chrono::nanoseconds(2), absl::Nanoseconds(1)),
            Instant::max() - std::chrono::nanoseconds(1));
}

}  // namespace
}  // namespace singleflight::base
