// The path of a field in 64 bits, so that much can be remembered of a message in little room.
//
// Five bits of a number make a group, the higher ones first, with a sixth bit that says that more
// of the number follow. Before the first group stands a 1. There is room for ten groups: ten
// numbers below 32, or fewer that are larger, but for any one.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_FIELD_CODE_H_
#define SINGLEFLIGHT_SERVER_SURVEY_FIELD_CODE_H_

#include <cstdint>

#include "absl/types/optional.h"
#include "server/model/field_paths.h"

namespace singleflight::survey {

class FieldCode {
 public:
  FieldCode() = default;  // of the message itself

  // Of a field of the message that is at this path. Nothing: there is no room for it.
  absl::optional<FieldCode> Inner(uint32_t number) const;

  model::FieldPath Path() const;

  friend bool operator==(FieldCode a, FieldCode b) { return a.bits_ == b.bits_; }

 private:
  uint64_t bits_ = 1;
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_FIELD_CODE_H_
