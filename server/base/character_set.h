// A set of characters, as a table that the compiler makes. It is for rules that the texts of every
// call have to pass.

#ifndef SINGLEFLIGHT_SERVER_BASE_CHARACTER_SET_H_
#define SINGLEFLIGHT_SERVER_BASE_CHARACTER_SET_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::base {

class CharacterSet {
 public:
  // The characters for which `has` is true.
  template <typename Predicate>
  constexpr explicit CharacterSet(Predicate has) {
    for (size_t byte = 0; byte < has_.size(); ++byte) has_[byte] = has(static_cast<uint8_t>(byte));
  }

  constexpr bool Has(char c) const { return has_[static_cast<uint8_t>(c)]; }

  bool HasAllOf(absl::string_view text) const {
    return std::all_of(text.begin(), text.end(), [this](char c) { return Has(c); });
  }

  // How many characters at the front of `text` are in the set.
  size_t Span(absl::string_view text) const {
    const auto end = std::find_if_not(text.begin(), text.end(), [this](char c) { return Has(c); });
    return static_cast<size_t>(end - text.begin());
  }

 private:
  std::array<bool, 256> has_{};
};

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_CHARACTER_SET_H_
