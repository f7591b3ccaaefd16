// A field is a tag and what its type says. All types but groups say how long they are; a group is
// over at a tag of its own, so its fields are passed over one by one, with the numbers of the
// groups around them on a stack of fixed size.

#include "server/wire/protobuf.h"

#include <array>

namespace singleflight::wire {
namespace {

constexpr size_t kDeepestGroup = 100;
constexpr uint8_t kEndGroup = 4;

struct Tag {
  uint32_t number;
  uint8_t type;
};

absl::optional<Tag> TakeTag(absl::string_view& bytes) {
  const absl::optional<uint64_t> tag = TakeVarint(bytes);
  if (!tag.has_value() || *tag >> 3 == 0 || *tag >> 3 > kLargestFieldNumber) return absl::nullopt;
  return Tag{static_cast<uint32_t>(*tag >> 3), static_cast<uint8_t>(*tag & 7)};
}

// How many bytes the value of a field takes that is no group; what stands before them, the length,
// is taken off. Nothing: there are fewer, or there is no such type.
absl::optional<size_t> SizeOfValue(uint8_t type, absl::string_view& bytes) {
  uint64_t size = 0;
  switch (static_cast<ProtobufField::Type>(type)) {
    case ProtobufField::Type::kVarint: {
      absl::string_view rest = bytes;
      if (!TakeVarint(rest).has_value()) return absl::nullopt;
      return bytes.size() - rest.size();
    }
    case ProtobufField::Type::kFixed64:
      size = 8;
      break;
    case ProtobufField::Type::kFixed32:
      size = 4;
      break;
    case ProtobufField::Type::kLengthDelimited: {
      const absl::optional<uint64_t> length = TakeVarint(bytes);
      if (!length.has_value()) return absl::nullopt;
      size = *length;
      break;
    }
    default:
      return absl::nullopt;
  }
  if (size > bytes.size()) return absl::nullopt;
  return static_cast<size_t>(size);
}

// Where the group `number`, whose first tag stands before `bytes`, is over: the size of what stands
// in it. Its second tag is left in `tail`.
absl::optional<size_t> SizeOfGroup(uint32_t number, absl::string_view bytes,
                                   absl::string_view* tail) {
  std::array<uint32_t, kDeepestGroup> open;
  size_t depth = 0;
  open[depth++] = number;
  absl::string_view rest = bytes;
  for (;;) {
    const absl::string_view before = rest;
    const absl::optional<Tag> tag = TakeTag(rest);
    if (!tag.has_value()) return absl::nullopt;
    if (tag->type == kEndGroup) {
      if (tag->number != open[--depth]) return absl::nullopt;
      if (depth > 0) continue;
      *tail = before.substr(0, before.size() - rest.size());
      return bytes.size() - before.size();
    }
    if (tag->type == static_cast<uint8_t>(ProtobufField::Type::kGroup)) {
      if (depth == kDeepestGroup) return absl::nullopt;
      open[depth++] = tag->number;
      continue;
    }
    const absl::optional<size_t> size = SizeOfValue(tag->type, rest);
    if (!size.has_value()) return absl::nullopt;
    rest.remove_prefix(*size);
  }
}

}  // namespace

absl::optional<uint64_t> TakeVarint(absl::string_view& bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && byte > 1) return absl::nullopt;
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  return absl::nullopt;
}

bool ProtobufReader::Fail() {
  malformed_ = true;
  rest_ = {};
  return false;
}

bool ProtobufReader::Next(ProtobufField* field) {
  if (rest_.empty()) return false;
  const absl::string_view begin = rest_;
  const absl::optional<Tag> tag = TakeTag(rest_);
  if (!tag.has_value()) return Fail();
  field->number = tag->number;
  field->type = static_cast<ProtobufField::Type>(tag->type);
  field->tail = {};
  const absl::optional<size_t> size = field->type == ProtobufField::Type::kGroup
                                          ? SizeOfGroup(tag->number, rest_, &field->tail)
                                          : SizeOfValue(tag->type, rest_);
  if (!size.has_value()) return Fail();
  field->head = begin.substr(0, begin.size() - rest_.size());
  field->value = rest_.substr(0, *size);
  rest_.remove_prefix(*size + field->tail.size());
  return true;
}

}  // namespace singleflight::wire
