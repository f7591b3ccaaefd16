// Which flights of an AsyncGroup a newcomer may join.

#ifndef SINGLEFLIGHT_JOIN_LIMITS_H_
#define SINGLEFLIGHT_JOIN_LIMITS_H_

#include "singleflight/internal/cxx20.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace singleflight {

// Which flights a newcomer may still join; past a limit it leads the key's next flight, and the old
// one goes on for those aboard.
struct JoinLimits {
  size_t max_waiters = std::numeric_limits<size_t>::max();
  std::chrono::nanoseconds max_join_age = std::chrono::nanoseconds::max();

  // For work whose results can be invalidated: the newest invalidation that the caller knows of
  // when it joins, which a flight that it leads is marked with, and the newest one that concerns
  // this key. A flight marked with an older one takes no newcomers.
  uint64_t generation = 0;
  uint64_t min_generation = 0;

  // Whose the caller is, for work that is on one party's account until somebody else wants it too.
  // It keeps nobody out, is compared and nothing else, and may not be used again by another party
  // while a flight that the caller leads is in the air.
  const void* party = nullptr;
};

}  // namespace singleflight

#endif  // SINGLEFLIGHT_JOIN_LIMITS_H_
