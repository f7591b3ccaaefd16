// In what two keys differ, by name.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_DIFFERENCES_H_
#define SINGLEFLIGHT_SERVER_SURVEY_DIFFERENCES_H_

#include <cstddef>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/survey/split.h"

namespace singleflight::survey {

struct NamedDifference {
  SplitKind kind;
  std::string name;  // kOther: it was in the key before, and has been driven out
};
using Differences = absl::InlinedVector<NamedDifference, 2>;

// Of what clients made longer than `most` bytes, the beginning.
inline std::string Cut(absl::string_view text, size_t most) {
  constexpr absl::string_view kCut = "…";
  if (text.size() <= most) return std::string(text);
  return absl::StrCat(text.substr(0, most - kCut.size()), kCut);
}

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_DIFFERENCES_H_
