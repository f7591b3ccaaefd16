// How long the latest upstream calls of a route took to their first byte: of the last 256 of them,
// the time that 95 in a hundred kept to.
//
// Threads: any. Shared by all loops.

#ifndef SINGLEFLIGHT_SERVER_CORE_RECENT_LATENCY_H_
#define SINGLEFLIGHT_SERVER_CORE_RECENT_LATENCY_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace singleflight::core {

class RecentLatency {
 public:
  static constexpr size_t kSamples = 256;
  static constexpr size_t kEnough = 64;  // before that nothing is said

  void Note(absl::Duration took) {
    const int64_t us = std::clamp<int64_t>(absl::ToInt64Microseconds(took), 1, UINT32_MAX);
    const uint64_t at = noted_.fetch_add(1, std::memory_order_relaxed);
    samples_[at % kSamples].store(static_cast<uint32_t>(us), std::memory_order_relaxed);
    if (at + 1 >= kEnough && (at + 1) % kBetween == 0) Estimate(at + 1);
  }

  // Nothing: there were too few calls.
  absl::optional<absl::Duration> p95() const {
    const uint32_t us = p95_.load(std::memory_order_relaxed);
    if (us == 0) return absl::nullopt;
    return absl::Microseconds(us);
  }

 private:
  static constexpr uint64_t kBetween = 16;  // calls between estimates

  // Samples that others write meanwhile are taken as they are.
  void Estimate(uint64_t noted) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(noted, kSamples));
    std::array<uint32_t, kSamples> sorted{};
    for (size_t i = 0; i < count; ++i) sorted[i] = samples_[i].load(std::memory_order_relaxed);
    const auto nth = sorted.begin() + static_cast<ptrdiff_t>(count * 95 / 100);
    std::nth_element(sorted.begin(), nth, sorted.begin() + static_cast<ptrdiff_t>(count));
    p95_.store(*nth, std::memory_order_relaxed);
  }

  std::atomic<uint64_t> noted_{0};
  std::atomic<uint32_t> p95_{0};  // in microseconds; 0: not known yet
  std::array<std::atomic<uint32_t>, kSamples> samples_{};
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_RECENT_LATENCY_H_
