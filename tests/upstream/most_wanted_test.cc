// What the order by callers is worth: a backend that does a third of what is asked of it, herds and
// loners mixed, and two loops. Callers that are answered are counted, against
// first-come-first-served with the same limit and the same max_wait. Time is simulated, in steps of
// a millisecond.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <queue>
#include <random>

#include "server/upstream/pool_concurrency.h"
#include "tests/core/fakes.h"

namespace singleflight::upstream::testing {
namespace {

constexpr int kSlots = 10;
constexpr absl::Duration kMaxWait = absl::Milliseconds(100);
constexpr int kCallMs = 100;  // on average; so the backend answers 100 calls a second
constexpr int kKeysPerSecond = 300;
constexpr double kHerds = 0.2;  // of the keys; all others have one caller
constexpr int kHerd = 10;       // callers on average, within kHerdMs
constexpr int kHerdMs = 50;
constexpr int kSeconds = 60;

struct Key {
  base::Instant begun;
  int callers = 0;      // of the wait or call that it has
  uint64_t number = 0;  // under which it waits
  bool flies = false;
  core::FakeLoop* loop = nullptr;
};

struct Answered {
  int callers = 0;  // that came
  int answered = 0;
  absl::Duration longest = absl::ZeroDuration();  // wait for a slot
};

// Callers of equal keys share one call, which waits, flies or is refused.
class Backend {
 public:
  virtual ~Backend() = default;

  Answered Run() {
    std::mt19937 random(7);
    std::exponential_distribution<double> next(kKeysPerSecond / 1000.0);
    std::exponential_distribution<double> herd(1.0 / (kHerd - 1));
    std::uniform_int_distribution<int> within(0, kHerdMs);
    std::bernoulli_distribution is_herd(kHerds);
    std::multimap<int, int> arrivals;  // ms, key
    int key = 0;
    for (double at = 0; at < kSeconds * 1000; at += next(random), ++key) {
      const int callers = is_herd(random) ? 1 + static_cast<int>(herd(random)) : 1;
      for (int i = 0; i < callers; ++i) {
        arrivals.emplace(static_cast<int>(at) + (i == 0 ? 0 : within(random)), key);
      }
    }
    for (const auto& [ms, which] : arrivals) {
      while (now_ms_ < ms) Step();
      Arrive(which);
    }
    while (!keys_.empty()) Step();
    return result_;
  }

 protected:
  // Lets the key fly, or wait.
  virtual void Begin(int key) = 0;
  virtual void Ended() = 0;
  virtual void Tick() = 0;

  void Fly(int key) {
    Key& call = keys_.at(key);
    call.flies = true;
    result_.longest = std::max(result_.longest, absl::FromChrono(Now() - call.begun));
    std::uniform_int_distribution<int> takes(kCallMs / 2, kCallMs * 3 / 2);
    ends_.emplace(now_ms_ + takes(work_), key);
  }
  void Refuse(int key) { keys_.erase(key); }
  base::Instant Now() const { return a_.Now(); }

  int now_ms_ = 0;
  std::map<int, Key> keys_;  // that wait or fly
  core::FakeLoop a_{0};
  core::FakeLoop b_{1};

 private:
  void Arrive(int key) {
    ++result_.callers;
    const auto [call, is_new] = keys_.try_emplace(key);
    ++call->second.callers;
    if (!is_new) return;
    call->second.begun = Now();
    call->second.loop = key % 2 == 0 ? &a_ : &b_;
    Begin(key);
  }

  void Step() {
    ++now_ms_;
    for (core::FakeLoop* loop : {&a_, &b_}) {
      loop->AdvanceTo(base::After(loop->Now(), absl::Milliseconds(1)));
    }
    while (!ends_.empty() && ends_.begin()->first <= now_ms_) {
      const int key = ends_.begin()->second;
      ends_.erase(ends_.begin());
      result_.answered += keys_.at(key).callers;
      keys_.erase(key);
      Ended();
    }
    Tick();
    while (a_.RunAll() || b_.RunAll()) {
    }
  }

  std::multimap<int, int> ends_;  // ms, key
  std::mt19937 work_{11};
  Answered result_;
};

class FirstComeFirstServed : public Backend {
 private:
  void Begin(int key) override {
    line_.push_back(key);
    Serve();
  }
  void Ended() override {
    --flying_;
    Serve();
  }
  void Tick() override {
    while (!line_.empty() && Now() >= base::After(keys_.at(line_.front()).begun, kMaxWait)) {
      Refuse(line_.front());
      line_.pop_front();
    }
  }
  void Serve() {
    while (flying_ < kSlots && !line_.empty()) {
      ++flying_;
      Fly(line_.front());
      line_.pop_front();
    }
  }

  std::deque<int> line_;
  int flying_ = 0;
};

// Concurrency itself; waits and ranks as pools see to them.
class MostWanted : public Backend {
 public:
  MostWanted() {
    ConcurrencyOptions options;
    options.limit = kSlots;
    options.max_wait = kMaxWait;
    slots_ = std::make_shared<Concurrency>(options);
  }

 private:
  void Begin(int key) override {
    Key& call = keys_.at(key);
    Concurrency::Entered entered = slots_->Enter(
        {1, nullptr, *call.loop}, [this, key](absl::optional<Concurrency::Slot> slot) {
          if (!slot.has_value()) return Refuse(key);
          Keep(key, *std::move(slot));
        });
    call.number = entered.number;
    if (entered.slot.has_value()) Keep(key, *std::move(entered.slot));
  }
  void Keep(int key, Concurrency::Slot slot) {
    Fly(key);
    held_.emplace(key, std::pair(std::move(slot), Now()));
  }
  void Ended() override {
    for (auto held = held_.begin(); held != held_.end();) {
      auto& [slot, since] = held->second;
      if (keys_.count(held->first) == 0) slot.GiveBack(absl::FromChrono(Now() - since));
      held = keys_.count(held->first) == 0 ? held_.erase(held) : std::next(held);
    }
  }
  void Tick() override {
    std::vector<Concurrency::Rank> ranks;
    std::vector<int> over;
    for (const auto& [key, call] : keys_) {
      if (call.flies) continue;
      ranks.push_back({call.number, static_cast<size_t>(call.callers)});
      if (Now() >= base::After(call.begun, kMaxWait) && slots_->Leave(call.number)) {
        over.push_back(key);
      }
    }
    for (int key : over) Refuse(key);
    if (now_ms_ % absl::ToInt64Milliseconds(PoolConcurrency::kRankEvery) == 0) {
      slots_->SetRanks(ranks);
    }
  }

  std::shared_ptr<Concurrency> slots_;
  std::map<int, std::pair<Concurrency::Slot, base::Instant>> held_;
};

TEST(MostWantedTest, AnswersFarMoreCallersThanFirstComeFirstServedAndStarvesNobody) {
  const Answered first = FirstComeFirstServed().Run();
  const Answered most = MostWanted().Run();
  ASSERT_EQ(most.callers, first.callers);
  RecordProperty("callers_per_second", most.callers / kSeconds);
  RecordProperty("first_come_first_served", first.answered / kSeconds);
  RecordProperty("most_wanted", most.answered / kSeconds);
  std::cout << "callers a second: " << most.callers / kSeconds << " come; answered are "
            << first.answered / kSeconds << " first-come-first-served, " << most.answered / kSeconds
            << " most-wanted-first\n";
  EXPECT_GE(most.answered, first.answered * 3 / 2);
  EXPECT_LE(most.longest, kMaxWait + absl::Milliseconds(1));
}

}  // namespace
}  // namespace singleflight::upstream::testing
