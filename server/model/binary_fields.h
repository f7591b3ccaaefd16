// Checks binary metadata. These are fields whose names end in "-bin". Their values are base64,
// padded or not, and several may stand in one field with commas between them (gRPC over HTTP/2,
// "Custom-Metadata"). Peers that use gRPC's C-core end their whole connection, with everybody's
// calls on it, when they meet a value that is no base64, and a comma is such to them. So each block
// of a call is looked at here before it goes on to anyone.

#ifndef SINGLEFLIGHT_SERVER_MODEL_BINARY_FIELDS_H_
#define SINGLEFLIGHT_SERVER_MODEL_BINARY_FIELDS_H_

#include <cstring>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/headers.h"

namespace singleflight::model {

inline bool IsBinary(absl::string_view name) {
  constexpr absl::string_view kEnd = "-bin";
  return name.size() >= kEnd.size() &&
         std::memcmp(name.end() - kEnd.size(), kEnd.data(), kEnd.size()) == 0;
}

// As strict as the strictest of gRPC's own: the standard alphabet, any padding at the end, no lone
// last character, and no bits beyond the last byte.
bool IsBase64(absl::string_view value);

// Gives each value of binary metadata in `fields` a field of its own, in order. If one is no
// base64, or there are too many, it returns a sentence that says so and names the field; otherwise
// nothing.
absl::optional<std::string> SeparateBinary(Headers& fields);

// The most by which that makes a block's list size (Headers::ListSize) grow.
inline constexpr size_t kMostBySeparating = 16 << 10;

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_BINARY_FIELDS_H_
