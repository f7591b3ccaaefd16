#include "server/survey/message_marks.h"

#include <algorithm>

#include "server/base/check.h"
#include "server/model/key_parts.h"
#include "server/survey/hashes.h"

namespace singleflight::survey {
namespace {

using wire::ProtobufField;
using wire::ProtobufReader;

constexpr size_t kBytesAField = 8;  // of a group, in work

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool ReadsAsText(absl::string_view value) {
  return std::none_of(value.begin(), value.end(), IsControl);
}

uint64_t RestOf(const model::Key& key, const model::KeyParts& parts) {
  const char* const begin = key.bytes.data();
  const absl::string_view before(begin, static_cast<size_t>(parts.suffix.data() - begin));
  return SeededHash(parts.metadata, SeededHash(parts.suffix, SeededHash(before, 0)));
}

}  // namespace

MessageMarks::MessageMarks(const model::Key& key) {
  const model::KeyParts parts = model::PartsOf(key);
  rest_ = RestOf(key, parts);
  message_ = SeededHash(parts.message, 0);
  const absl::optional<absl::string_view> message = model::ProtobufIn(parts);
  taken_apart_ =
      message.has_value() && message->size() <= kLongest && TakeApart(*message, FieldCode());
  if (!taken_apart_) size_ = 0;
}

// False: it is not Protobuf, or there is too much of it.
bool MessageMarks::TakeApart(absl::string_view message, FieldCode at) {
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.Next(&field)) {
    const absl::optional<FieldCode> code = at.Inner(field.number);
    SF_CHECK(code.has_value());  // one number fits, and HoldsMessage has looked at those inside
    if (!Spend(field)) return false;
    const bool inside = HoldsMessage(field, *code);
    if (!Add(*code, field.type, inside ? "" : field.value)) return false;
    if (inside && !TakeApart(field.value, *code)) return false;
  }
  return !reader.malformed();
}

// Whether what is at `at` is to be taken apart, which it can be then.
bool MessageMarks::HoldsMessage(const ProtobufField& field, FieldCode at) {
  const bool group = field.type == ProtobufField::Type::kGroup;
  if (!group && field.type != ProtobufField::Type::kLengthDelimited) return false;
  if (!group && ReadsAsText(field.value)) return false;
  ProtobufReader reader(field.value);
  ProtobufField inner;
  while (reader.Next(&inner)) {
    if (!at.Inner(inner.number).has_value() || !Spend(inner)) return false;
  }
  return !reader.malformed();
}

// A group has been gone over to find its end.
bool MessageMarks::Spend(const ProtobufField& field) {
  const bool group = field.type == ProtobufField::Type::kGroup;
  work_ += 1 + (group ? field.value.size() / kBytesAField : 0);
  return work_ <= kMostWork;
}

bool MessageMarks::Add(FieldCode field, ProtobufField::Type type, absl::string_view value) {
  Mark* const end = all_.data() + size_;
  Mark* const found =
      std::find_if(all_.data(), end, [field](const Mark& mark) { return mark.field == field; });
  if (found == end) {
    if (size_ == kMost) return false;
    all_[size_++] = {field, 0};
  }
  const uint64_t seed = (uint64_t{found->value} + 1) << 3 | static_cast<uint64_t>(type);
  found->value = ShortHashOf(value, seed);
  return true;
}

}  // namespace singleflight::survey
