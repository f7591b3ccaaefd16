#include "tests/differential/script.h"

#include <xxhash.h>

#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace singleflight::differential {
namespace {

Step Unreadable(absl::string_view step) {
  return {'s', "", absl::StrCat("the script has \"", step, "\""), "", {13}};
}

bool ParseNumbers(const std::vector<absl::string_view>& parts, size_t n, Step* step) {
  for (size_t i = 0; i < n; ++i) {
    step->numbers.push_back(0);
    if (parts.size() < n || !absl::SimpleAtoi(parts[i], &step->numbers.back())) return false;
  }
  return true;
}

bool Parse(absl::string_view text, Step* step) {
  step->what = text.front();
  text.remove_prefix(1);
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  switch (step->what) {
    case 'n':
    case 't': {
      const std::pair<std::string, std::string> field = absl::StrSplit(text, '=');
      step->name = field.first;
      step->bytes = absl::HexStringToBytes(field.second);
      return true;
    }
    case 'm':
      return ParseNumbers(parts, 3, step);
    case 'w':
    case 'z':
      return ParseNumbers(parts, 1, step);
    case 's':
      if (parts.size() != 3) return false;
      step->bytes = absl::HexStringToBytes(parts[1]);
      step->details = absl::HexStringToBytes(parts[2]);
      return ParseNumbers(parts, 1, step);
    default:
      return absl::string_view("irReh").find(step->what) != absl::string_view::npos && text.empty();
  }
}

}  // namespace

std::vector<Step> ParseScript(absl::string_view text) {
  std::vector<Step> steps;
  for (const absl::string_view part : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    Step step;
    if (!Parse(part, &step)) {
      steps.push_back(Unreadable(part));
      return steps;
    }
    steps.push_back(std::move(step));
  }
  if (steps.empty() || steps.back().what != 's') steps.push_back(Unreadable("no end"));
  return steps;
}

std::string PayloadOf(size_t size, uint64_t seed) {
  if (seed % 2 == 0) return std::string(size, static_cast<char>('a' + seed % 26));
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i += 8) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;  // Knuth's generator
    const uint64_t mixed = seed ^ (seed >> 29);
    std::memcpy(&bytes[i], &mixed, std::min<size_t>(8, size - i));
  }
  return bytes;
}

std::string DigestOf(absl::string_view bytes) {
  return absl::StrCat(bytes.size(), ":", absl::Hex(XXH3_64bits(bytes.data(), bytes.size())));
}

}  // namespace singleflight::differential
