#include "server/config/suggest.h"

#include "absl/strings/str_cat.h"
#include "server/base/nearest_word.h"
#include "server/config/problems.h"

namespace singleflight::config {

std::string DidYouMean(absl::string_view found, const std::vector<std::string>& known) {
  const absl::string_view nearest = base::NearestWord(found, known);
  return nearest.empty() ? "" : absl::StrCat(" (did you mean ", Quoted(nearest), "?)");
}

}  // namespace singleflight::config
