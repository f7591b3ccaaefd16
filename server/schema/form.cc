// What a canonical form (model/canonical_form.h) needs to know of a method's request: every message
// that one leads to, each once, since messages may hold themselves.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "server/schema/schema.h"

namespace singleflight::schema {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using Kind = model::CanonicalField::Kind;
using Shape = model::CanonicalField::Shape;

// Of all messages together.
constexpr size_t kMostFields = 4096;

// It has fields by another rule.
bool IsMessageSet(const Descriptor& message) { return message.options().message_set_wire_format(); }

Kind KindOf(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_BOOL:
      return Kind::kBool;
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_ENUM:
      return Kind::kInt32;
    case FieldDescriptor::TYPE_INT64:
      return Kind::kInt64;
    case FieldDescriptor::TYPE_UINT32:
      return Kind::kUint32;
    case FieldDescriptor::TYPE_UINT64:
      return Kind::kUint64;
    case FieldDescriptor::TYPE_SINT32:
      return Kind::kSint32;
    case FieldDescriptor::TYPE_SINT64:
      return Kind::kSint64;
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_FLOAT:
      return Kind::kFixed32;
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_DOUBLE:
      return Kind::kFixed64;
    case FieldDescriptor::TYPE_SFIXED32:
      return Kind::kSfixed32;
    case FieldDescriptor::TYPE_SFIXED64:
      return Kind::kSfixed64;
    case FieldDescriptor::TYPE_GROUP:
      return Kind::kGroup;
    case FieldDescriptor::TYPE_MESSAGE:
      return IsMessageSet(*field.message_type()) ? Kind::kBytes : Kind::kMessage;
    case FieldDescriptor::TYPE_STRING:
    case FieldDescriptor::TYPE_BYTES:
      break;
  }
  return Kind::kBytes;
}

Shape ShapeOf(const FieldDescriptor& field) {
  if (field.is_map()) return Shape::kMap;
  if (field.is_repeated()) return field.is_packed() ? Shape::kPacked : Shape::kRepeated;
  return field.has_presence() ? Shape::kExplicit : Shape::kImplicit;
}

class Gatherer {
 public:
  // Nothing: they are too many.
  std::vector<model::CanonicalMessage> Gather(const Descriptor& first) {
    PlaceOf(first);
    for (size_t at = 0; at < found_.size(); ++at) {
      for (int i = 0; i < found_[at]->field_count(); ++i) {
        if (++fields_ > kMostFields) return {};
        Add(*found_[at]->field(i), at);
      }
      auto& fields = messages_[at].fields;
      std::sort(fields.begin(), fields.end(),
                [](const auto& a, const auto& b) { return a.number < b.number; });
    }
    return std::move(messages_);
  }

 private:
  uint32_t PlaceOf(const Descriptor& message) {
    const auto [at, fresh] = places_.emplace(&message, static_cast<uint32_t>(found_.size()));
    if (fresh) {
      found_.push_back(&message);
      messages_.emplace_back();
    }
    return at->second;
  }

  void Add(const FieldDescriptor& field, size_t at) {
    model::CanonicalField out;
    out.number = static_cast<uint32_t>(field.number());
    out.kind = KindOf(field);
    out.shape = ShapeOf(field);
    const auto* const oneof = field.containing_oneof();
    if (oneof != nullptr) out.oneof = static_cast<uint32_t>(oneof->index()) + 1;
    if (out.kind == Kind::kMessage || out.kind == Kind::kGroup) {
      out.message = PlaceOf(*field.message_type());
    }
    messages_[at].fields.push_back(out);
  }

  std::map<const Descriptor*, uint32_t> places_;
  std::vector<const Descriptor*> found_;
  std::vector<model::CanonicalMessage> messages_;
  size_t fields_ = 0;
};

}  // namespace

std::shared_ptr<const model::CanonicalForm> Schema::FormOf(const Method& method) {
  if (IsMessageSet(*method.request)) return nullptr;
  std::vector<model::CanonicalMessage> messages = Gatherer().Gather(*method.request);
  if (messages.empty()) return nullptr;
  return std::make_shared<const model::CanonicalForm>(std::move(messages));
}

}  // namespace singleflight::schema
