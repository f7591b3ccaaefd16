// How many calls may be sent beyond those that callers caused: a part of those sent lately. Lately
// is the present period and the one before it, so 10 to 20 seconds.
//
// Threads: any. Shared by all loops, whose clocks may differ by a turn.

#ifndef SINGLEFLIGHT_SERVER_CORE_CALL_BUDGET_H_
#define SINGLEFLIGHT_SERVER_CORE_CALL_BUDGET_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "server/base/timer_queue.h"

namespace singleflight::core {

class CallBudget {
 public:
  static constexpr std::chrono::seconds kPeriod{10};

  // `floor`: so many are always allowed, however few calls there were.
  explicit CallBudget(uint64_t floor) : floor_(floor) {}

  // A call was sent that its caller caused.
  void Note(base::Instant now) { calls_.Add(PeriodOf(now)); }

  // Whether one more may be sent, of at most so many of a million of those; it is counted then.
  bool Take(uint32_t millionths, base::Instant now) {
    const uint64_t period = PeriodOf(now);
    const uint64_t part = calls_.Sum(period) * millionths / 1'000'000;
    return taken_.AddBelow(period, std::max(floor_, part));
  }

 private:
  static uint64_t PeriodOf(base::Instant now) {
    return static_cast<uint64_t>(now.time_since_epoch() / kPeriod);
  }

  // A count of two periods. Each word has a period and its count, so that both change at once.
  class Count {
   public:
    void Add(uint64_t period) {
      std::atomic<uint64_t>& word = words_[period % 2];
      uint64_t old = word.load(std::memory_order_relaxed);
      while (!word.compare_exchange_weak(old, OneMore(old, period), std::memory_order_relaxed)) {
      }
    }

    // False: there are as many as `bound` already.
    bool AddBelow(uint64_t period, uint64_t bound) {
      std::atomic<uint64_t>& word = words_[period % 2];
      uint64_t old = word.load(std::memory_order_relaxed);
      do {
        if (Of(old, period) + Of(words_[(period + 1) % 2], period) >= bound) return false;
      } while (!word.compare_exchange_weak(old, OneMore(old, period), std::memory_order_relaxed));
      return true;
    }

    uint64_t Sum(uint64_t period) const { return Of(words_[0], period) + Of(words_[1], period); }

   private:
    static uint64_t Of(uint64_t word, uint64_t period) {
      return (word >> 32) + 1 >= period ? word & UINT32_MAX : 0;
    }
    static uint64_t OneMore(uint64_t word, uint64_t period) {
      return (word >> 32) >= period ? word + 1 : period << 32 | 1;
    }

    std::array<std::atomic<uint64_t>, 2> words_{};
  };

  const uint64_t floor_;
  Count calls_;
  Count taken_;
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_CALL_BUDGET_H_
