// Reads durations, sizes and numbers, and guesses what was meant by those that are misspelled.

#include "server/config/scalars.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace singleflight::config {
namespace {

struct DurationUnit {
  absl::string_view name;
  int64_t milliseconds;
};
constexpr DurationUnit kDurationUnits[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
constexpr int64_t kLongestMilliseconds = int64_t{1} << 50;

struct SizeUnit {
  absl::string_view name;
  uint64_t bytes;
};
constexpr SizeUnit kSizeUnits[] = {
    {"TiB", uint64_t{1} << 40}, {"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"B", 1}};

absl::string_view TakeWhile(absl::string_view* text, bool (*wanted)(unsigned char)) {
  size_t length = 0;
  while (length < text->size() && wanted((*text)[length])) ++length;
  const absl::string_view taken = text->substr(0, length);
  text->remove_prefix(length);
  return taken;
}

// The index in kDurationUnits, or -1.
int DurationUnitIndex(absl::string_view name) {
  for (size_t i = 0; i < std::size(kDurationUnits); ++i) {
    if (kDurationUnits[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

// What the author may have meant by an unknown unit, in milliseconds.
int64_t GuessDurationUnit(absl::string_view unit) {
  const std::string word = absl::AsciiStrToLower(unit);
  if (word == "ms" || absl::StartsWith(word, "milli") || absl::StartsWith(word, "msec")) return 1;
  if (absl::StartsWith(word, "m")) return 60000;
  if (absl::StartsWith(word, "h")) return 3600000;
  if (absl::StartsWith(word, "d")) return 24 * 3600000;
  return 1000;
}

uint64_t GuessSizeUnit(absl::string_view unit) {
  const char first = unit.empty() ? 'b' : absl::ascii_tolower(unit[0]);
  for (const SizeUnit& known : kSizeUnits) {
    if (absl::ascii_tolower(known.name[0]) == first) return known.bytes;
  }
  return 1u << 20;
}

// Takes a number, perhaps with a fraction, off the front. False: there is none, or it is too large
// or too small to mean anything.
bool TakeNumber(absl::string_view* text, double* number) {
  const absl::string_view digits =
      TakeWhile(text, [](unsigned char c) { return absl::ascii_isdigit(c) || c == '.'; });
  *text = absl::StripAsciiWhitespace(*text);
  return absl::SimpleAtod(digits, number) && *number > 0 && *number < 1e9;
}

}  // namespace

absl::optional<uint64_t> ParseWhole(absl::string_view text) {
  uint64_t value = 0;
  if (!std::all_of(text.begin(), text.end(), absl::ascii_isdigit)) return absl::nullopt;
  if (!absl::SimpleAtoi(text, &value)) return absl::nullopt;
  return value;
}

absl::optional<uint32_t> ParsePercent(absl::string_view text) {
  constexpr uint64_t kOfOne = 10'000;
  constexpr uint64_t kAll = 100 * kOfOne;
  if (!absl::ConsumeSuffix(&text, "%")) return absl::nullopt;
  const absl::optional<uint64_t> ones = ParseWhole(TakeWhile(&text, absl::ascii_isdigit));
  if (!ones.has_value() || *ones > 100) return absl::nullopt;
  uint64_t parts = *ones * kOfOne;
  if (absl::ConsumePrefix(&text, ".")) {
    const absl::string_view digits = TakeWhile(&text, absl::ascii_isdigit);
    if (digits.empty() || digits.size() > 4) return absl::nullopt;
    uint64_t worth = kOfOne;
    for (const char digit : digits) parts += (worth /= 10) * static_cast<uint64_t>(digit - '0');
  }
  if (!text.empty() || parts == 0 || parts > kAll) return absl::nullopt;
  return static_cast<uint32_t>(parts);
}

absl::optional<absl::Duration> ParseDuration(absl::string_view text) {
  if (text.empty()) return absl::nullopt;
  int64_t total = 0;
  int last_unit = -1;
  while (!text.empty()) {
    const absl::optional<uint64_t> number = ParseWhole(TakeWhile(&text, absl::ascii_isdigit));
    const int unit = DurationUnitIndex(TakeWhile(&text, absl::ascii_isalpha));
    if (!number.has_value() || unit <= last_unit) return absl::nullopt;
    const int64_t milliseconds = kDurationUnits[unit].milliseconds;
    if (*number > static_cast<uint64_t>(kLongestMilliseconds / milliseconds)) return absl::nullopt;
    total += static_cast<int64_t>(*number) * milliseconds;
    last_unit = unit;
  }
  return absl::Milliseconds(total);
}

std::string SuggestDuration(absl::string_view text) {
  double number = 0;
  text = absl::StripAsciiWhitespace(text);
  if (!TakeNumber(&text, &number)) return "5s";
  const double milliseconds = number * static_cast<double>(GuessDurationUnit(text));
  if (milliseconds < 1) return "1ms";
  return DurationText(absl::Milliseconds(std::llround(milliseconds)));
}

std::string DurationText(absl::Duration duration) {
  int64_t rest = absl::ToInt64Milliseconds(duration);
  if (rest == 0) return "0s";
  std::string text;
  for (const DurationUnit& unit : kDurationUnits) {
    if (rest >= unit.milliseconds) absl::StrAppend(&text, rest / unit.milliseconds, unit.name);
    rest %= unit.milliseconds;
  }
  return text;
}

absl::optional<uint64_t> ParseSize(absl::string_view text) {
  const absl::optional<uint64_t> number = ParseWhole(TakeWhile(&text, absl::ascii_isdigit));
  if (!number.has_value() || text.empty()) return number;
  for (const SizeUnit& unit : kSizeUnits) {
    if (text != unit.name) continue;
    if (*number > std::numeric_limits<uint64_t>::max() / unit.bytes) return absl::nullopt;
    return *number * unit.bytes;
  }
  return absl::nullopt;
}

std::string SuggestSize(absl::string_view text) {
  double number = 0;
  text = absl::StripAsciiWhitespace(text);
  if (!TakeNumber(&text, &number)) return "1MiB";
  const double bytes = number * static_cast<double>(GuessSizeUnit(text));
  return bytes < 1e18 ? SizeText(std::llround(bytes)) : "1MiB";
}

std::string SizeText(uint64_t bytes) {
  for (const SizeUnit& unit : kSizeUnits) {
    if (bytes >= unit.bytes && bytes % unit.bytes == 0)
      return absl::StrCat(bytes / unit.bytes, unit.name);
  }
  return "0B";
}

}  // namespace singleflight::config
