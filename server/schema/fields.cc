// From names of fields to their numbers, and back.

#include <google/protobuf/descriptor.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/base/nearest_word.h"
#include "server/schema/schema.h"

namespace singleflight::schema {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::string ValueTypeOf(const FieldDescriptor& field) {
  if (field.message_type() != nullptr) return std::string(field.message_type()->full_name());
  if (field.enum_type() != nullptr) return std::string(field.enum_type()->full_name());
  return field.type_name();
}

std::string TypeOf(const FieldDescriptor& field) {
  if (field.is_map()) {
    return absl::StrCat("map<", ValueTypeOf(*field.message_type()->map_key()), ", ",
                        ValueTypeOf(*field.message_type()->map_value()), ">");
  }
  return absl::StrCat(field.is_repeated() ? "repeated " : "", ValueTypeOf(field));
}

FieldKind WireKindOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_BOOL:
      return FieldKind::kBool;
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SINT64:
      return FieldKind::kZigZag;
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_DOUBLE:
      return FieldKind::kReal;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
      return FieldKind::kBytes;
    case FieldDescriptor::TYPE_MESSAGE:
    case FieldDescriptor::TYPE_GROUP:
      return FieldKind::kMessage;
    default:
      return FieldKind::kNumber;
  }
}

// Of proto2 and editions. The default of an enum is its first value.
bool HasDefault(const FieldDescriptor& field) {
  if (field.is_repeated()) return false;
  if (field.enum_type() != nullptr) return field.default_value_enum()->number() != 0;
  return field.has_default_value();
}

void Describe(const FieldDescriptor& last, Field* out) {
  out->type = TypeOf(last);
  out->kind = WireKindOf(last);
  out->repeated = last.is_repeated();
  out->has_default = HasDefault(last);
}

// Where that field is; an error says why it is not.
absl::StatusOr<const FieldDescriptor*> FieldOf(const Descriptor& message, absl::string_view name) {
  const std::string text(name);
  if (const FieldDescriptor* const field = message.FindFieldByName(text)) return field;
  std::vector<std::string> known;
  for (int i = 0; i < message.field_count(); ++i) known.emplace_back(message.field(i)->name());
  const absl::string_view nearest = base::NearestWord(name, known);
  return absl::NotFoundError(absl::StrCat(
      message.full_name(), " (", message.file()->name(), ") has no field \"", text, "\"",
      nearest.empty() ? "" : absl::StrCat(" (did you mean \"", nearest, "\"?)")));
}

absl::Status NoMessage(const FieldDescriptor& field) {
  return absl::InvalidArgumentError(
      absl::StrCat("the field \"", field.name(), "\" of ", field.containing_type()->full_name(),
                   " (", field.file()->name(), ") is a ", TypeOf(field), " and holds no fields"));
}

}  // namespace

absl::StatusOr<Field> Schema::Named(const Method& method, absl::string_view names) {
  Field out;
  out.name = std::string(names);
  const Descriptor* message = method.request;
  const FieldDescriptor* last = nullptr;
  for (const absl::string_view name : absl::StrSplit(names, '.')) {
    if (message == nullptr) return NoMessage(*last);
    const absl::StatusOr<const FieldDescriptor*> field = FieldOf(*message, name);
    if (!field.ok()) return field.status();
    last = *field;
    out.path.push_back(static_cast<uint32_t>(last->number()));
    message = last->message_type();
  }
  if (out.path.size() > model::kLongestFieldPath) {
    return absl::InvalidArgumentError(
        absl::StrCat("has more than ", model::kLongestFieldPath, " names"));
  }
  Describe(*last, &out);
  return out;
}

absl::optional<Field> Schema::Numbered(const Method& method, const model::FieldPath& path) {
  Field out;
  out.path = path;
  std::vector<std::string> names;
  const Descriptor* message = method.request;
  const FieldDescriptor* last = nullptr;
  for (const uint32_t number : path) {
    if (message == nullptr) return absl::nullopt;
    last = message->FindFieldByNumber(static_cast<int>(number));
    if (last == nullptr) return absl::nullopt;
    names.emplace_back(last->name());
    message = last->message_type();
  }
  if (last == nullptr) return absl::nullopt;
  out.name = absl::StrJoin(names, ".");
  Describe(*last, &out);
  return out;
}

std::string Schema::NameOf(absl::string_view method, const model::FieldPath& path) const {
  const Method* const found = Find(method);
  const absl::optional<Field> field = found == nullptr ? absl::nullopt : Numbered(*found, path);
  return field.has_value() ? field->name : model::ToText(path);
}

}  // namespace singleflight::schema
