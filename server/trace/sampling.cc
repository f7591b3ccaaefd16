#include "server/trace/sampling.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace singleflight::trace {
namespace {

constexpr size_t kMostDecimals = 4;
constexpr uint64_t kWhole = 1000000;  // 100 %, in the last of these decimals

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// In ten-thousandths of a percent.
absl::optional<uint64_t> ParsePercent(absl::string_view text) {
  if (!absl::ConsumeSuffix(&text, "%")) return absl::nullopt;
  const size_t dot = text.find('.');
  const absl::string_view whole = text.substr(0, dot);
  std::string decimals(dot == absl::string_view::npos ? "0" : text.substr(dot + 1));
  if (!IsNumber(whole) || !IsNumber(decimals) || decimals.size() > kMostDecimals) {
    return absl::nullopt;
  }
  decimals.resize(kMostDecimals, '0');
  uint64_t parts = 0;
  if (whole.size() > 3 || !absl::SimpleAtoi(absl::StrCat(whole, decimals), &parts)) {
    return absl::nullopt;
  }
  return parts;
}

}  // namespace

bool Sampling::Takes(const model::SpanRef& begun) const {
  uint64_t random = 0;
  for (size_t i = begun.trace.size() - 7; i < begun.trace.size(); ++i) {
    random = random << 8 | begun.trace[i];
  }
  return random >= kAll - share;
}

absl::optional<Sampling> ParseSampling(absl::string_view text) {
  if (text == "parent") return Sampling();
  const absl::optional<uint64_t> parts = ParsePercent(text);
  if (!parts.has_value() || *parts == 0 || *parts > kWhole) return absl::nullopt;
  const double share = static_cast<double>(*parts) / static_cast<double>(kWhole);
  return Sampling{static_cast<uint64_t>(std::ldexp(share, 56))};
}

}  // namespace singleflight::trace
