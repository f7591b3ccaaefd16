// Counts by reason: one cell for each value of an enum.
//
// A reason is an enum class without gaps that stands in the room that decides it. Beside it stands
// `constexpr absl::string_view NameOf(Reason)`: a switch without default that gives the word for
// labels, and an empty one after the switch. So a value without a name does not compile, and the
// compiler counts the values.

#ifndef SINGLEFLIGHT_SERVER_METRICS_BY_REASON_H_
#define SINGLEFLIGHT_SERVER_METRICS_BY_REASON_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "server/metrics/cell.h"
#include "server/metrics/visitor.h"

namespace singleflight::metrics {

// How many values have a name, from the first.
template <typename Reason>
constexpr size_t CountReasons() {
  size_t count = 0;
  while (!NameOf(static_cast<Reason>(count)).empty()) ++count;
  return count;
}
template <typename Reason>
inline constexpr size_t kReasons = CountReasons<Reason>();

// Threads: as its cells.
template <typename Reason>
class CountersBy {
 public:
  void Add(Reason why, uint64_t n = 1) { counters_[static_cast<size_t>(why)].Add(n); }
  uint64_t of(Reason why) const { return counters_[static_cast<size_t>(why)].value(); }

  uint64_t sum() const {
    uint64_t sum = 0;
    for (const Counter& counter : counters_) sum += counter.value();
    return sum;
  }

  Counter& counter(Reason why) { return counters_[static_cast<size_t>(why)]; }

  // Calls `take(reason, count)` for every reason.
  template <typename Take>
  void ForEach(Take take) const {
    for (size_t i = 0; i < counters_.size(); ++i) {
      take(static_cast<Reason>(i), counters_[i].value());
    }
  }

  // One count for each reason. The reason becomes the last of the labels and is called `label`.
  void Show(absl::string_view name, absl::string_view help, const Labels& labels, Visitor& visitor,
            absl::string_view label = "reason") const {
    ForEach([&](Reason why, uint64_t count) {
      Labels all = labels;
      all.emplace_back(std::string(label), std::string(NameOf(why)));
      visitor.Count(name, help, std::move(all), count);
    });
  }

 private:
  std::array<Counter, kReasons<Reason>> counters_;
};

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_BY_REASON_H_
