// Delta debugging (Zeller and Hildebrandt, 2002) over a list of steps.

#ifndef SINGLEFLIGHT_TESTS_SIMULATION_SHRINK_H_
#define SINGLEFLIGHT_TESTS_SIMULATION_SHRINK_H_

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/types/optional.h"

namespace singleflight::simulation {

// Takes steps out of a list that fails. `fails_after(list)`: after how many of its steps a list
// fails; nothing: it does not. What is returned fails, and if it tried less than `most_tries`
// times, it does not without any one of its steps.
//
// First the end alone is tried, as what came long before hardly matters. Then parts are taken out,
// large ones first, from the end to the beginning.
template <typename Step, typename FailsAfter>
std::vector<Step> Shrunk(std::vector<Step> steps, const FailsAfter& fails_after,
                         size_t most_tries = 4000) {
  size_t tries = 0;
  const auto take = [&](std::vector<Step> shorter) {
    if (shorter.size() >= steps.size() || ++tries > most_tries) return false;
    const absl::optional<size_t> after = fails_after(shorter);
    if (!after.has_value()) return false;
    shorter.resize(std::min(shorter.size(), *after));
    steps = std::move(shorter);
    return true;
  };
  if (const absl::optional<size_t> after = fails_after(steps)) {
    steps.resize(std::min(steps.size(), *after));
  }
  using Distance = typename std::vector<Step>::difference_type;
  for (size_t last = 32; last < steps.size(); last *= 2) {
    if (take({steps.end() - static_cast<Distance>(last), steps.end()})) break;
  }
  for (size_t part = std::max<size_t>(steps.size() / 2, 1); part > 0;) {
    bool any = false;
    for (size_t end = steps.size(); end > 0;) {
      const size_t begin = end - std::min(part, end);
      std::vector<Step> shorter(steps.begin(), steps.begin() + static_cast<Distance>(begin));
      shorter.insert(shorter.end(), steps.begin() + static_cast<Distance>(end), steps.end());
      any = take(std::move(shorter)) || any;
      end = std::min(begin, steps.size());
    }
    if (part == 1 && !any) break;
    if (part > 1) part = any ? std::min(part, std::max<size_t>(steps.size() / 2, 1)) : part / 2;
  }
  return steps;
}

}  // namespace singleflight::simulation

#endif  // SINGLEFLIGHT_TESTS_SIMULATION_SHRINK_H_
