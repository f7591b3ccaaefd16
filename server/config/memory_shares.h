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

// What the process itself takes: what a control group charges for it without a call (anonymous
// memory and the kernel's for it, 5 MiB), and the code that calls run through (7 MiB). The kernel
// may drop code, and reads it again; so a limit that has no room for it makes every call
// slow.
inline constexpr uint64_t kOfTheProcess = uint64_t{12} << 20;

// The same of gRPC, which runs where `admin.grpc` or `tracing` is on.
inline constexpr uint64_t kOfGrpc = uint64_t{12} << 20;

uint64_t OfTheProcess(const Config& config);

// Of what `allowed` leaves beside `process`: three eighths, at most 1 GiB; a quarter, at most
// 256 MiB; an eighth, at most 256 MiB. Whole MiB.
MemoryShares SharesOf(uint64_t allowed, uint64_t process);

// Puts shares in the place of kAuto.
void FitToMemory(uint64_t allowed, Draft& draft);

// Warns of bounds that the file names and that, with the others, are more than is allowed.
void CheckMemory(uint64_t allowed, const Draft& draft, Problems& problems);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_MEMORY_SHARES_H_
