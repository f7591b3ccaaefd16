// Where a text that is not YAML most likely went wrong, which the parser finds out much later.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_OPEN_BRACKET_H_
#define SINGLEFLIGHT_SERVER_CONFIG_OPEN_BRACKET_H_

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/config/problems.h"

namespace singleflight::config {

// A bracket or quote that is not closed, or closed by one of another kind.
struct OpenBracket {
  Place place;
  char opened;        // one of { [ " '
  char closed_by;     // 0: by nothing
  Place closed_here;  // with `closed_by`
};

// The first such bracket or quote of a text.
absl::optional<OpenBracket> FindOpenBracket(absl::string_view text);

// The last line up to `line` that is indented with a tab: the place of the tab.
absl::optional<Place> FindTabBefore(absl::string_view text, int line);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_OPEN_BRACKET_H_
