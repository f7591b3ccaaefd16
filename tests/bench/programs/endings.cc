#include "tests/bench/programs/endings.h"

#include <array>

namespace singleflight::bench {
namespace {

constexpr std::array kBad = {
    Ending::kUnavailable,
    Ending::kUnavailableAtTheEnd,
    Ending::kRefused,
    Ending::kResetAtOnce,
    Ending::kResetAfterHeaders,
    Ending::kResetInBody,
    Ending::kResetBeforeTrailers,
    Ending::kSilence,
};

}  // namespace

Ending Endings::DrawEnding() {
  if (shares_.bad <= 0 || Draw() >= shares_.bad) return Ending::kAnswer;
  return kBad[dice_() % kBad.size()];
}

}  // namespace singleflight::bench
