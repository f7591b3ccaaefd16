// Values of single fields in their canonical form (canonical_form.h): numbers in as few bytes as
// they need, and only those that their type can have.

#ifndef SINGLEFLIGHT_SERVER_MODEL_CANONICAL_VALUES_H_
#define SINGLEFLIGHT_SERVER_MODEL_CANONICAL_VALUES_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "server/model/canonical_form.h"
#include "server/wire/protobuf.h"

namespace singleflight::model {

wire::ProtobufField::Type WireTypeOf(CanonicalField::Kind kind);
bool HoldsMessage(CanonicalField::Kind kind);

// Whether a list of them may come packed.
bool IsPackable(CanonicalField::Kind kind);

// `value`: as it stands on the wire, behind the tag and, of kBytes, the length.
bool IsDefault(CanonicalField::Kind kind, absl::string_view value);
absl::string_view DefaultOf(CanonicalField::Kind kind);

void WriteTag(const CanonicalField& field, std::string* out);
void WriteEndTag(const CanonicalField& field, std::string* out);
void WritePackedTag(const CanonicalField& field, std::string* out);

// False: its type has no such value. Of kBytes the length comes first.
bool WriteScalar(CanonicalField::Kind kind, absl::string_view value, std::string* out);

// Takes the next of a packed list off the front of `rest`; empty: what stands there is cut short.
absl::string_view TakeElement(CanonicalField::Kind kind, absl::string_view& rest);

// What entries of a map are sorted by: numbers as numbers, bytes as bytes. `value` has been
// written.
using MapKey = std::pair<uint64_t, absl::string_view>;
MapKey MapKeyOf(CanonicalField::Kind kind, absl::string_view value);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_CANONICAL_VALUES_H_
