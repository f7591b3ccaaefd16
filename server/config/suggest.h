// Guesses the word that a misspelled one was meant to be.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_SUGGEST_H_
#define SINGLEFLIGHT_SERVER_CONFIG_SUGGEST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace singleflight::config {

// ` (did you mean "X"?)` for the known word that a few keystrokes turn `found` into; empty: none is
// near.
std::string DidYouMean(absl::string_view found, const std::vector<std::string>& known);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_SUGGEST_H_
