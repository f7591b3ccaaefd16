#include "server/config/problems.h"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace singleflight::config {
namespace {

constexpr size_t kMostLines = 100;
constexpr size_t kLongestQuote = 80;

bool ContinuesCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

absl::Status Problems::status() const {
  if (mistakes_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(Lines(mistakes_), "\n"));
}

std::vector<std::string> Problems::Lines(std::vector<Problem> problems) const {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
  });
  std::vector<std::string> lines;
  for (const auto& [place, what] : problems) {
    if (lines.size() == kMostLines) {
      lines.push_back(absl::StrCat(filename_, ": and ", problems.size() - kMostLines, " more"));
      break;
    }
    lines.push_back(absl::StrCat(filename_, ":", place.line, ":", place.column, ": ", place.path,
                                 place.path.empty() ? "" : ": ", what));
  }
  return lines;
}

std::string Quoted(absl::string_view text) {
  size_t length = std::min(text.size(), kLongestQuote);
  while (length < text.size() && length > 0 && ContinuesCharacter(text[length])) --length;
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(text.substr(0, length)),
                      length < text.size() ? "…\"" : "\"");
}

}  // namespace singleflight::config
