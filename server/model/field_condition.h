// What a route asks of a field of request messages.

#ifndef SINGLEFLIGHT_SERVER_MODEL_FIELD_CONDITION_H_
#define SINGLEFLIGHT_SERVER_MODEL_FIELD_CONDITION_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/variant.h"
#include "server/model/field_paths.h"

namespace singleflight::model {

// The value that a field has to have. No schema says which type the field has, so the value says
// which types it may have:
//
//   bool      a varint, of which all but 0 is true
//   number    a varint, or 4 or 8 bytes of a fixed size: whatever holds this whole number. Negative
//             ones stand in 64 bits (int32, int64, enums), or in as many as the size has. Types
//             that zigzag (sint32, sint64) hold another number on the wire: that one is meant.
//   text      a string or bytes, equal byte for byte
struct WholeNumber {
  uint64_t bits;  // two's complement

  friend bool operator==(const WholeNumber&, const WholeNumber&) = default;
};
using FieldScalar = absl::variant<bool, WholeNumber, std::string>;

struct FieldCondition {
  FieldPath path;  // empty: only `names` are known, and no schema yet that has them
  FieldScalar wanted;
  std::string names = {};  // "options.serializable", if that is how it was written

  // Whether the field has that value. The last one counts if it stands there several times; a field
  // that is absent has the default of its type: false, 0, nothing. A message that cannot be read,
  // a field of another type, and one whose number is not known match nothing.
  bool Matches(absl::string_view message) const;

  friend bool operator==(const FieldCondition&, const FieldCondition&) = default;
};

// As it was written: "7=true", `colour="blue"`.
std::string ToText(const FieldCondition& condition);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_FIELD_CONDITION_H_
