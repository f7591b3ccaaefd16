// Why nothing new is kept after a refresh. Callers get what is kept until its stale time is over.

#ifndef SINGLEFLIGHT_SERVER_CORE_REFRESH_FAILURE_H_
#define SINGLEFLIGHT_SERVER_CORE_REFRESH_FAILURE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// In each case the next one may begin a second later, except kNotKept: then what was kept has gone.
enum class RefreshFailure : uint8_t {
  kNoRoom,   // it was not begun: half of max_flights are in the air, and the rest is for callers
  kJoined,   // it was not begun: a caller's flight is in the air, and brings what there is
  kFailed,   // upstream failed, or answered with an error
  kNotKept,  // upstream's reply may not be kept, or cannot be
};

constexpr absl::string_view NameOf(RefreshFailure why) {
  switch (why) {
    case RefreshFailure::kNoRoom:
      return "no_room";
    case RefreshFailure::kJoined:
      return "joined";
    case RefreshFailure::kFailed:
      return "failed";
    case RefreshFailure::kNotKept:
      return "not_kept";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_REFRESH_FAILURE_H_
