// The figures of a store: what it keeps, and how many entries have left it, by reason.

#ifndef SINGLEFLIGHT_SERVER_CACHE_CENSUS_H_
#define SINGLEFLIGHT_SERVER_CACHE_CENSUS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace singleflight::cache {

// Why an entry left.
enum class Gone {
  kCapacity,  // others were worth more
  kExpired,   // a look-up found it no longer fresh
  kPurged,
  kReplaced,  // by a later reply
};
inline constexpr size_t kGone = 4;

// What is kept, and what has left since the start.
struct Census {
  uint64_t bytes = 0;  // with all bookkeeping
  size_t entries = 0;
  std::array<uint64_t, kGone> gone = {};
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_CENSUS_H_
