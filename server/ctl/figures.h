// Figures as people read them, each with its unit.

#ifndef SINGLEFLIGHT_SERVER_CTL_FIGURES_H_
#define SINGLEFLIGHT_SERVER_CTL_FIGURES_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace singleflight::ctl {

// What stands where there is no figure.
inline constexpr char kNone[] = "–";

std::string Count(uint64_t count);          // "1,203,441"
std::string Gauge(int64_t value);           // the same; below nothing is nothing
std::string Bytes(uint64_t bytes);          // "512 B", "12.3 MiB"
std::string Span(absl::Duration duration);  // "850 µs", "12.3 ms", "4.2 s", "3 min 12 s", "2 d 5 h"
std::string Share(uint64_t part, uint64_t whole);               // "92.3 %"
std::string PerSecond(uint64_t count, absl::Duration elapsed);  // "1,203/s", "0.4/s"
std::string Moment(absl::Time time, absl::TimeZone zone);       // "2026-11-28 01:11:39"
std::string Ago(absl::Time time, absl::Time now);               // "3.0 s ago"

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_FIGURES_H_
