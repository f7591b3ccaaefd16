// The figures of a store: what it keeps, and how many entries have left it, by reason.

#ifndef SINGLEFLIGHT_SERVER_CACHE_CENSUS_H_
#define SINGLEFLIGHT_SERVER_CACHE_CENSUS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/metrics/by_reason.h"

namespace singleflight::cache {

// Why an entry left.
enum class Gone : uint8_t {
  kCapacity,  // others were worth more
  kExpired,   // a look-up found that its time was over
  kPurged,
  kReplaced,  // by a later reply
  kOutdated,  // a later reply came and is not kept
};

constexpr absl::string_view NameOf(Gone why) {
  switch (why) {
    case Gone::kCapacity:
      return "capacity";
    case Gone::kExpired:
      return "expired";
    case Gone::kPurged:
      return "purged";
    case Gone::kReplaced:
      return "replaced";
    case Gone::kOutdated:
      return "outdated";
  }
  return "";
}

inline constexpr size_t kGone = metrics::kReasons<Gone>;

// What is kept, and what has left since the start.
struct Census {
  uint64_t bytes = 0;  // with all bookkeeping
  size_t entries = 0;
  std::array<uint64_t, kGone> gone = {};
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_CENSUS_H_
