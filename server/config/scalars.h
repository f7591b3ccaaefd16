// How durations, sizes and numbers are written in the file. Suggest…() gives a spelling that would
// be right, as near to what was found as it can.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_SCALARS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_SCALARS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace singleflight::config {

// "250ms", "5s", "1m30s", "1h": whole numbers with h, m, s, ms, each at most once and in this
// order. A plain number is no duration.
absl::optional<absl::Duration> ParseDuration(absl::string_view text);
std::string SuggestDuration(absl::string_view text);
std::string DurationText(absl::Duration duration);

// "512B", "64KiB", "1MiB", "2GiB", "1TiB": a whole number and its unit. A plain number counts
// bytes.
absl::optional<uint64_t> ParseSize(absl::string_view text);
std::string SuggestSize(absl::string_view text);
std::string SizeText(uint64_t bytes);

// "100%", "1%", "0.05%": more than nothing, with up to four digits behind the point. Returns how
// many of a million.
absl::optional<uint32_t> ParsePercent(absl::string_view text);

// Decimal digits only: no sign, no spaces, no separators.
absl::optional<uint64_t> ParseWhole(absl::string_view text);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_SCALARS_H_
