// What stands in a message at a path of field numbers, without its schema.

#ifndef SINGLEFLIGHT_SERVER_MODEL_FIELD_VALUES_H_
#define SINGLEFLIGHT_SERVER_MODEL_FIELD_VALUES_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "server/model/field_paths.h"
#include "server/wire/protobuf.h"

namespace singleflight::model {

// Whether `message` can be read to its end. What stands in messages inside is not looked at.
bool IsProtobuf(absl::string_view message);

// The value of a field of kVarint, kFixed32 or kFixed64.
uint64_t NumberIn(const wire::ProtobufField& field);

// Calls `each` for every field at `path`, in the order in which they stand; with null for each
// message on the way that lacks what comes next. So it is called at least once.
//
// False: `message` or one on the way is not Protobuf, or a field on the way holds no message, or
// what stands at the path is a group. `each` may have been called before.
bool ForEachFieldAt(absl::string_view message, const FieldPath& path,
                    absl::FunctionRef<void(const wire::ProtobufField*)> each);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_FIELD_VALUES_H_
