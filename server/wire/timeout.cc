#include "server/wire/timeout.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace singleflight::wire {
namespace {

constexpr size_t kMaxDigits = 8;
constexpr int64_t kMaxValue = 99'999'999;

struct Unit {
  char name;
  absl::Duration length;
};

const Unit* Units(size_t* count) {
  static constexpr Unit kUnits[] = {{'n', absl::Nanoseconds(1)},  {'u', absl::Microseconds(1)},
                                    {'m', absl::Milliseconds(1)}, {'S', absl::Seconds(1)},
                                    {'M', absl::Minutes(1)},      {'H', absl::Hours(1)}};
  *count = sizeof(kUnits) / sizeof(kUnits[0]);
  return kUnits;
}

}  // namespace

absl::optional<absl::Duration> ParseTimeout(absl::string_view value) {
  if (value.size() < 2 || value.size() > kMaxDigits + 1) return absl::nullopt;
  int64_t number = 0;
  for (char digit : value.substr(0, value.size() - 1)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(digit))) return absl::nullopt;
    number = number * 10 + (digit - '0');
  }
  size_t count;
  const Unit* units = Units(&count);
  for (size_t i = 0; i < count; ++i) {
    if (units[i].name == value.back()) return number * units[i].length;
  }
  return absl::nullopt;
}

std::string FormatTimeout(absl::Duration timeout) {
  if (timeout < absl::Nanoseconds(1)) return "1n";
  size_t count;
  const Unit* units = Units(&count);
  for (size_t i = 0; i < count; ++i) {
    absl::Duration rest;
    const int64_t number = absl::IDivDuration(timeout, units[i].length, &rest);
    if (number <= kMaxValue) {
      char unit = units[i].name;
      return absl::StrCat(number, absl::string_view(&unit, 1));
    }
  }
  return absl::StrCat(kMaxValue, "H");
}

}  // namespace singleflight::wire
