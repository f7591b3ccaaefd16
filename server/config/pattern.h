#ifndef SINGLEFLIGHT_SERVER_CONFIG_PATTERN_H_
#define SINGLEFLIGHT_SERVER_CONFIG_PATTERN_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/core/route_options.h"

// What the patterns of `match:` say, as far as it can be told without a call.
namespace singleflight::config {

// What is wrong with a method pattern, as a phrase that follows the quoted text; empty: nothing.
std::string MethodPatternMistake(absl::string_view pattern);

// True when every call that `later` matches is matched by `earlier` too. It errs towards false.
bool Covers(const core::MatchOptions& earlier, const core::MatchOptions& later);

// Why a route of this method pattern should not do what it `does` ("collapses") without a second
// thought: it takes writes too, of which `consequence` is said. Empty: nothing speaks against it.
std::string WriteWarning(absl::string_view method_pattern, absl::string_view does,
                         absl::string_view consequence);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_PATTERN_H_
