// Guesses the word that a misspelled one was meant to be.

#ifndef SINGLEFLIGHT_SERVER_BASE_NEAREST_WORD_H_
#define SINGLEFLIGHT_SERVER_BASE_NEAREST_WORD_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace singleflight::base {

// The known word that a few keystrokes turn `found` into, or else the only one that it is a part
// of; empty: none is near. Lies in `known`.
absl::string_view NearestWord(absl::string_view found, const std::vector<std::string>& known);

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_NEAREST_WORD_H_
