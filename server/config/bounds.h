// Bounds that options of several sections have in common.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_BOUNDS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_BOUNDS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace singleflight::config {

constexpr uint64_t kMostCalls = 1u << 24;
constexpr uint64_t kLargestMessage = uint64_t{2} << 30;

constexpr absl::Duration kShortest = absl::Milliseconds(1);
constexpr absl::Duration kLongest = absl::Hours(24);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_BOUNDS_H_
