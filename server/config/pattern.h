// Judges the patterns of `match:` before any call comes: malformed, never reached, or dangerous.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_PATTERN_H_
#define SINGLEFLIGHT_SERVER_CONFIG_PATTERN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/core/route_options.h"

namespace singleflight::config {

// What is wrong with a method pattern, as a phrase that follows the quoted text; empty: nothing.
std::string MethodPatternMistake(absl::string_view pattern);

// True when every call that `later` matches is matched by `earlier` too. It errs towards false.
bool Covers(const core::MatchOptions& earlier, const core::MatchOptions& later);

// A warning for a route that does something ("collapses") to calls that match `method_pattern`:
// such calls may be writes, and `consequence` says what happens to a write. Empty: no warning.
std::string WriteWarning(absl::string_view method_pattern, absl::string_view does,
                         absl::string_view consequence);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_PATTERN_H_
