#include "server/model/field_values.h"

#include <cstddef>

namespace singleflight::model {
namespace {

using wire::ProtobufField;
using wire::ProtobufReader;
using Each = absl::FunctionRef<void(const ProtobufField*)>;

bool MayHoldMessage(const ProtobufField& field) {
  return field.type == ProtobufField::Type::kLengthDelimited ||
         field.type == ProtobufField::Type::kGroup;
}

// The reader has seen that it ends.
uint64_t VarintIn(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= uint64_t{static_cast<uint8_t>(bytes[i]) & 0x7fu} << (7 * i);
  }
  return value;
}

uint64_t LittleEndianIn(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  }
  return value;
}

bool Visit(absl::string_view message, const FieldPath& path, size_t at, Each each) {
  const bool last = at + 1 == path.size();
  bool found = false;
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.Next(&field)) {
    if (field.number != path[at]) continue;
    found = true;
    if (last) {
      if (field.type == ProtobufField::Type::kGroup) return false;
      each(&field);
    } else if (!MayHoldMessage(field) || !Visit(field.value, path, at + 1, each)) {
      return false;
    }
  }
  if (!found) each(nullptr);
  return !reader.malformed();
}

}  // namespace

bool IsProtobuf(absl::string_view message) {
  ProtobufReader reader(message);
  for (ProtobufField field; reader.Next(&field);) continue;
  return !reader.malformed();
}

uint64_t NumberIn(const ProtobufField& field) {
  return field.type == ProtobufField::Type::kVarint ? VarintIn(field.value)
                                                    : LittleEndianIn(field.value);
}

bool ForEachFieldAt(absl::string_view message, const FieldPath& path, Each each) {
  return Visit(message, path, 0, each);
}

}  // namespace singleflight::model
