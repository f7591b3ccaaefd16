#include "server/ctl/figures.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace singleflight::ctl {
namespace {

// "3 min 12 s": two units, and no 0 behind.
std::string InTwo(int64_t value, int64_t per_large, const char* large, const char* small) {
  const int64_t rest = value % per_large;
  const std::string front = absl::StrCat(value / per_large, " ", large);
  return rest == 0 ? front : absl::StrCat(front, " ", rest, " ", small);
}

std::string Short(double value) {
  return value < 99.95 ? absl::StrFormat("%.1f", value) : absl::StrFormat("%.0f", value);
}

}  // namespace

std::string Count(uint64_t count) {
  std::string digits = absl::StrCat(count);
  for (size_t behind = 3; behind < digits.size(); behind += 4) {
    digits.insert(digits.size() - behind, ",");
  }
  return digits;
}

std::string Gauge(int64_t value) {
  return Count(static_cast<uint64_t>(std::max<int64_t>(value, 0)));
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB", "PiB"}) {
    if (value < 1023.95) break;
    value /= 1024;
    unit = next;
  }
  return absl::StrCat(Short(value), " ", unit);
}

std::string Span(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(std::max(duration, absl::ZeroDuration()));
  if (seconds < 1e-3) return absl::StrFormat("%.0f µs", seconds * 1e6);
  if (seconds < 0.99995) return absl::StrCat(Short(seconds * 1e3), " ms");
  if (seconds < 59.95) return absl::StrCat(Short(seconds), " s");
  const int64_t whole = std::llround(seconds);
  if (whole < 3600) return InTwo(whole, 60, "min", "s");
  if (whole < 86400) return InTwo(whole / 60, 60, "h", "min");
  return InTwo(whole / 3600, 24, "d", "h");
}

std::string Share(uint64_t part, uint64_t whole) {
  if (whole == 0) return kNone;
  return absl::StrFormat("%.1f %%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string PerSecond(uint64_t count, absl::Duration elapsed) {
  if (elapsed <= absl::ZeroDuration()) return kNone;
  const double rate = static_cast<double>(count) / absl::ToDoubleSeconds(elapsed);
  if (count == 0 || rate >= 9.95) return Count(static_cast<uint64_t>(std::llround(rate))) + "/s";
  return absl::StrFormat("%.1f/s", rate);
}

std::string Moment(absl::Time time, absl::TimeZone zone) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", time, zone);
}

std::string Ago(absl::Time time, absl::Time now) { return Span(now - time) + " ago"; }

}  // namespace singleflight::ctl
