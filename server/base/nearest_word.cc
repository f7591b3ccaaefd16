#include "server/base/nearest_word.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace singleflight::base {
namespace {

constexpr size_t kLongestWord = 64;

// Insertions, deletions and substitutions that turn `a` into `b`.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

// The only word that `part` is a part of: "warn" of "warning", "key" of "private_key".
absl::string_view OnlyOneWith(absl::string_view part, const std::vector<std::string>& known) {
  constexpr size_t kShortestPart = 3;
  absl::string_view only;
  for (const std::string& candidate : known) {
    if (part.size() < kShortestPart || !absl::StrContains(candidate, part)) continue;
    if (!only.empty()) return "";
    only = candidate;
  }
  return only;
}

}  // namespace

absl::string_view NearestWord(absl::string_view found, const std::vector<std::string>& known) {
  if (found.size() > kLongestWord) return "";
  const std::string word = absl::AsciiStrToLower(found);
  size_t nearest = std::max<size_t>(1, std::min<size_t>(3, word.size() / 3)) + 1;
  absl::string_view best;
  for (const std::string& candidate : known) {
    if (candidate.size() > kLongestWord) continue;
    const size_t distance = EditDistance(word, absl::AsciiStrToLower(candidate));
    if (distance >= nearest) continue;
    nearest = distance;
    best = candidate;
  }
  return best.empty() ? OnlyOneWith(word, known) : best;
}

}  // namespace singleflight::base
