// Bounds of memory that the file leaves out, or that are "auto", become shares of the memory that
// the process may have.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_MEMORY_SHARES_H_
#define SINGLEFLIGHT_SERVER_CONFIG_MEMORY_SHARES_H_

#include <cstdint>

#include "server/config/draft.h"
#include "server/config/problems.h"

namespace singleflight::config {

// Stands for a bound that the file does not name.
inline constexpr uint64_t kAuto = 0;

struct MemoryShares {
  uint64_t buffered;  // limits.max_buffered_bytes
  uint64_t held;      // upstreams[].max_held_bytes
  uint64_t cache;     // cache.max_bytes
};

// Of what `allowed` leaves beside the process itself (16 MiB): three eighths, at most 1 GiB; a
// quarter, at most 256 MiB; an eighth, at most 256 MiB. Whole MiB.
MemoryShares SharesOf(uint64_t allowed);

// Puts shares in the place of kAuto.
void FitToMemory(uint64_t allowed, Draft& draft);

// Warns of bounds that the file names and that, with the others, are more than is allowed.
void CheckMemory(uint64_t allowed, const Draft& draft, Problems& problems);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_MEMORY_SHARES_H_
