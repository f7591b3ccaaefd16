#ifndef SINGLEFLIGHT_SERVER_CORE_GATHERING_END_H_
#define SINGLEFLIGHT_SERVER_CORE_GATHERING_END_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// Why a flight that gathered callers behind another one did so no more.
enum class GatheringEnd : uint8_t {
  kTurn,        // the other one had landed: its call was sent
  kMaxJoinAge,  // the other one was out for that long: its call was sent
  kAbandoned,   // everyone had left: nothing was sent
};

constexpr absl::string_view NameOf(GatheringEnd why) {
  switch (why) {
    case GatheringEnd::kTurn:
      return "turn";
    case GatheringEnd::kMaxJoinAge:
      return "max_join_age";
    case GatheringEnd::kAbandoned:
      return "abandoned";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_GATHERING_END_H_
