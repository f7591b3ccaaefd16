// The types of Protobuf, one by one: how each stands on the wire, and which values it has.

#include "server/model/canonical_values.h"

#include <algorithm>

#include "server/base/byte_block.h"
#include "server/model/length.h"

namespace singleflight::model {
namespace {

using Kind = CanonicalField::Kind;
using Type = wire::ProtobufField::Type;

constexpr uint8_t kEndGroup = 4;

void WriteVarint(uint64_t value, std::string* out) {
  char bytes[10];
  out->append(bytes, static_cast<size_t>(WriteLength(bytes, value) - bytes));
}

void WriteTag(uint32_t number, uint8_t type, std::string* out) {
  WriteVarint(uint64_t{number} << 3 | type, out);
}

bool InRange(Kind kind, uint64_t value) {
  switch (kind) {
    case Kind::kBool:
      return value <= 1;
    case Kind::kInt32:  // negative ones have ten bytes
      return static_cast<uint64_t>(int64_t{static_cast<int32_t>(value)}) == value;
    case Kind::kUint32:
    case Kind::kSint32:
      return value <= UINT32_MAX;
    case Kind::kInt64:
    case Kind::kUint64:
    case Kind::kSint64:
      return true;
    case Kind::kFixed32:
    case Kind::kFixed64:
    case Kind::kSfixed32:
    case Kind::kSfixed64:
    case Kind::kBytes:
    case Kind::kMessage:
    case Kind::kGroup:
      break;
  }
  return false;
}

// So that what is less comes first, negative numbers included.
uint64_t Ordered(int64_t value) {
  return static_cast<uint64_t>(value) ^ uint64_t { 1 } << 63;
}

int64_t ZigZag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

}  // namespace

Type WireTypeOf(Kind kind) {
  switch (kind) {
    case Kind::kBool:
    case Kind::kInt32:
    case Kind::kInt64:
    case Kind::kUint32:
    case Kind::kUint64:
    case Kind::kSint32:
    case Kind::kSint64:
      return Type::kVarint;
    case Kind::kFixed32:
    case Kind::kSfixed32:
      return Type::kFixed32;
    case Kind::kFixed64:
    case Kind::kSfixed64:
      return Type::kFixed64;
    case Kind::kBytes:
    case Kind::kMessage:
      break;
    case Kind::kGroup:
      return Type::kGroup;
  }
  return Type::kLengthDelimited;
}

bool HoldsMessage(Kind kind) { return kind == Kind::kMessage || kind == Kind::kGroup; }

bool IsPackable(Kind kind) { return !HoldsMessage(kind) && kind != Kind::kBytes; }

bool IsDefault(Kind kind, absl::string_view value) {
  if (HoldsMessage(kind)) return false;
  if (WireTypeOf(kind) != Type::kVarint) {
    return std::all_of(value.begin(), value.end(),
                       [kind](char c) { return c == '\0' && kind != Kind::kBytes; });
  }
  return wire::TakeVarint(value) == uint64_t{0};
}

absl::string_view DefaultOf(Kind kind) {
  static constexpr char kZeros[8] = {};
  switch (WireTypeOf(kind)) {
    case Type::kVarint:
      return {kZeros, 1};
    case Type::kFixed32:
      return {kZeros, 4};
    case Type::kFixed64:
      return {kZeros, 8};
    case Type::kLengthDelimited:
    case Type::kGroup:
      break;
  }
  return "";
}

void WriteTag(const CanonicalField& field, std::string* out) {
  WriteTag(field.number, static_cast<uint8_t>(WireTypeOf(field.kind)), out);
}

void WriteEndTag(const CanonicalField& field, std::string* out) {
  WriteTag(field.number, kEndGroup, out);
}

void WritePackedTag(const CanonicalField& field, std::string* out) {
  WriteTag(field.number, static_cast<uint8_t>(Type::kLengthDelimited), out);
}

bool WriteScalar(Kind kind, absl::string_view value, std::string* out) {
  if (kind == Kind::kBytes) {
    WriteVarint(value.size(), out);
  } else if (WireTypeOf(kind) == Type::kVarint) {
    const absl::optional<uint64_t> number = wire::TakeVarint(value);
    if (!number.has_value() || !value.empty() || !InRange(kind, *number)) return false;
    WriteVarint(*number, out);
    return true;
  }
  out->append(value.data(), value.size());
  return true;
}

absl::string_view TakeElement(Kind kind, absl::string_view& rest) {
  const absl::string_view begin = rest;
  if (WireTypeOf(kind) == Type::kVarint) {
    if (!wire::TakeVarint(rest).has_value()) return "";
  } else {
    const size_t size = WireTypeOf(kind) == Type::kFixed32 ? 4 : 8;
    if (rest.size() < size) return "";
    rest.remove_prefix(size);
  }
  return begin.substr(0, begin.size() - rest.size());
}

MapKey MapKeyOf(Kind kind, absl::string_view value) {
  switch (kind) {
    case Kind::kBool:
    case Kind::kUint32:
    case Kind::kUint64:
      return {wire::TakeVarint(value).value_or(0), ""};
    case Kind::kInt32:
    case Kind::kInt64:
      return {Ordered(static_cast<int64_t>(wire::TakeVarint(value).value_or(0))), ""};
    case Kind::kSint32:
    case Kind::kSint64:
      return {Ordered(ZigZag(wire::TakeVarint(value).value_or(0))), ""};
    case Kind::kFixed32:
      return {base::LoadWord<uint32_t>(value.data()), ""};
    case Kind::kFixed64:
      return {base::LoadWord<uint64_t>(value.data()), ""};
    case Kind::kSfixed32:
      return {Ordered(base::LoadWord<int32_t>(value.data())), ""};
    case Kind::kSfixed64:
      return {Ordered(base::LoadWord<int64_t>(value.data())), ""};
    case Kind::kBytes:
    case Kind::kMessage:
    case Kind::kGroup:
      break;
  }
  return {0, value};
}

}  // namespace singleflight::model
