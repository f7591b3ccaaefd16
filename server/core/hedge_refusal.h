#ifndef SINGLEFLIGHT_SERVER_CORE_HEDGE_REFUSAL_H_
#define SINGLEFLIGHT_SERVER_CORE_HEDGE_REFUSAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// Why a flight on a route with `hedge` was not hedged.
enum class HedgeRefusal : uint8_t {
  kSamples,  // what p95 is was not known when it began, however soon its reply came

  // Its call had brought nothing for so long that a second was due.
  kAttempts,  // it had been sent as often as a flight may
  kBudget,    // hedges were hedge.budget of the flights already
};

constexpr absl::string_view NameOf(HedgeRefusal why) {
  switch (why) {
    case HedgeRefusal::kSamples:
      return "samples";
    case HedgeRefusal::kAttempts:
      return "attempts";
    case HedgeRefusal::kBudget:
      return "budget";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_HEDGE_REFUSAL_H_
