// Random messages of any type, and their serializations as other programs might write them.

#ifndef SINGLEFLIGHT_TESTS_SCHEMA_RANDOM_MESSAGES_H_
#define SINGLEFLIGHT_TESTS_SCHEMA_RANDOM_MESSAGES_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/wire/protobuf.h"

namespace singleflight::schema::testing {

// The one serialization that Protobuf's C++ promises for a message.
inline std::string Deterministic(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializePartialToCodedStream(&coded);
  }
  return bytes;
}

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  uint32_t Below(uint32_t bound) {
    return std::uniform_int_distribution<uint32_t>(0, bound - 1)(random_);
  }
  bool Half() { return Below(2) == 0; }

  // Small ones, large ones, and those about which types differ.
  uint64_t Number() {
    const uint64_t odd[] = {0, 1, 2, 127, 128, 0x7fffffff, 0x80000000, 0xffffffff, ~uint64_t{0}};
    return Half() ? odd[Below(9)] : uint64_t{Below(1u << 31)} << Below(33);
  }
  std::string Text() {
    std::string text;
    for (uint32_t n = Below(5) == 0 ? Below(200) : Below(4); n > 0; --n) {
      text.push_back(static_cast<char>('a' + Below(3)));
    }
    return text;
  }

 private:
  std::mt19937_64 random_;
};

// Fills a message.
class Filler {
 public:
  using Descriptor = google::protobuf::Descriptor;
  using FieldDescriptor = google::protobuf::FieldDescriptor;
  using Message = google::protobuf::Message;

  explicit Filler(Dice& dice) : dice_(dice) {}

  void Fill(Message* message, int depth) {
    const Descriptor& type = *message->GetDescriptor();
    for (uint32_t n = dice_.Below(5); n > 0; --n) {
      const FieldDescriptor& field =
          *type.field(static_cast<int>(dice_.Below(static_cast<uint32_t>(type.field_count()))));
      if (field.message_type() != nullptr && depth == 0) continue;
      if (!field.is_repeated()) {
        Set(message, field, depth);
      } else {
        for (uint32_t i = dice_.Below(4); i > 0; --i) Add(message, field, depth);
      }
    }
    if (dice_.Below(4) != 0) return;
    auto& unknown = *message->GetReflection()->MutableUnknownFields(message);
    for (uint32_t n = 1 + dice_.Below(3); n > 0; --n) {
      const int number = 200 + static_cast<int>(dice_.Below(3));
      if (dice_.Half()) {
        unknown.AddVarint(number, dice_.Number());
      } else {
        unknown.AddLengthDelimited(number, dice_.Text());
      }
    }
  }

 private:
  void Set(Message* message, const FieldDescriptor& field, int depth) {
    const auto& to = *message->GetReflection();
    const uint64_t number = dice_.Number();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return to.SetInt32(message, &field, static_cast<int32_t>(number));
      case FieldDescriptor::CPPTYPE_INT64:
        return to.SetInt64(message, &field, static_cast<int64_t>(number));
      case FieldDescriptor::CPPTYPE_UINT32:
        return to.SetUInt32(message, &field, static_cast<uint32_t>(number));
      case FieldDescriptor::CPPTYPE_UINT64:
        return to.SetUInt64(message, &field, number);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return to.SetDouble(message, &field, static_cast<double>(number));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return to.SetFloat(message, &field, static_cast<float>(number));
      case FieldDescriptor::CPPTYPE_BOOL:
        return to.SetBool(message, &field, number % 2 == 1);
      case FieldDescriptor::CPPTYPE_ENUM:
        return to.SetEnumValue(message, &field, AnyOf(field));
      case FieldDescriptor::CPPTYPE_STRING:
        return to.SetString(message, &field, dice_.Text());
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(to.MutableMessage(message, &field), depth - 1);
    }
  }

  void Add(Message* message, const FieldDescriptor& field, int depth) {
    const auto& to = *message->GetReflection();
    const uint64_t number = dice_.Number();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return to.AddInt32(message, &field, static_cast<int32_t>(number));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return to.AddDouble(message, &field, static_cast<double>(number));
      case FieldDescriptor::CPPTYPE_INT64:
        return to.AddInt64(message, &field, static_cast<int64_t>(number));
      case FieldDescriptor::CPPTYPE_BOOL:
        return to.AddBool(message, &field, number % 2 == 1);
      case FieldDescriptor::CPPTYPE_STRING:
        return to.AddString(message, &field, dice_.Text());
      case FieldDescriptor::CPPTYPE_MESSAGE:
        if (field.is_map()) return AddEntry(message, field, depth);
        return Fill(to.AddMessage(message, &field), depth - 1);
      default:
        return;
    }
  }

  // As a serialized entry, unless its key is there already: dynamic messages would take it twice.
  void AddEntry(Message* message, const FieldDescriptor& field, int depth) {
    google::protobuf::DynamicMessageFactory factory;
    const std::unique_ptr<Message> entry(factory.GetPrototype(field.message_type())->New());
    Set(entry.get(), *field.message_type()->map_key(), depth);
    if (HasKey(*message, field, Deterministic(*entry))) return;
    Set(entry.get(), *field.message_type()->map_value(), depth);
    std::string bytes;
    {
      google::protobuf::io::StringOutputStream stream(&bytes);
      google::protobuf::io::CodedOutputStream coded(&stream);
      const std::string value = Deterministic(*entry);
      coded.WriteTag(static_cast<uint32_t>(field.number()) << 3 | 2);
      coded.WriteVarint32(static_cast<uint32_t>(value.size()));
      coded.WriteString(value);
    }
    message->MergeFromString(bytes);
  }

  static bool HasKey(const Message& message, const FieldDescriptor& field, const std::string& key) {
    const auto& of = *message.GetReflection();
    for (int i = 0; i < of.FieldSize(message, &field); ++i) {
      const Message& entry = of.GetRepeatedMessage(message, &field, i);
      const std::unique_ptr<Message> bare(entry.New());
      bare->CopyFrom(entry);
      bare->GetReflection()->ClearField(bare.get(), field.message_type()->map_value());
      if (Deterministic(*bare) == key) return true;
    }
    return false;
  }

  int AnyOf(const FieldDescriptor& field) {
    const auto& type = *field.enum_type();
    return type.value(static_cast<int>(dice_.Below(static_cast<uint32_t>(type.value_count()))))
        ->number();
  }

  Dice& dice_;
};

// Writes the bytes of a message anew, as another program may write the same message.
class Scrambler {
 public:
  using Descriptor = google::protobuf::Descriptor;
  using FieldDescriptor = google::protobuf::FieldDescriptor;

  explicit Scrambler(Dice& dice) : dice_(dice) {}

  std::string Scramble(absl::string_view bytes, const Descriptor& type) {
    Units units;
    wire::ProtobufReader reader(bytes);
    wire::ProtobufField field;
    while (reader.Next(&field)) {
      const FieldDescriptor* const known = type.FindFieldByNumber(static_cast<int>(field.number));
      known == nullptr ? Keep(field, &units) : Add(*known, field, &units);
    }
    AddDefaults(type, &units);
    return Shuffled(std::move(units));
  }

 private:
  // What has to stay in its order has one name; names come in any order.
  using Units = std::vector<std::pair<int, std::string>>;
  static constexpr int kUnknown = 0;

  static void Keep(const wire::ProtobufField& field, Units* units) {
    units->emplace_back(kUnknown, absl::StrCat(field.head, field.value, field.tail));
  }

  void Add(const FieldDescriptor& known, const wire::ProtobufField& field, Units* units) {
    const int order = known.is_map() ? -static_cast<int>(units->size()) - 1 : known.number();
    if (known.type() == FieldDescriptor::TYPE_GROUP) {
      units->emplace_back(
          order,
          absl::StrCat(field.head, Scramble(field.value, *known.message_type()), field.tail));
    } else if (known.message_type() != nullptr) {
      units->emplace_back(order,
                          Delimited(known.number(), Scramble(field.value, *known.message_type())));
    } else if (known.is_packable()) {
      AddElements(known, field.value, units);
    } else if (field.type == wire::ProtobufField::Type::kVarint) {
      units->emplace_back(order, absl::StrCat(field.head, Lengthened(field.value)));
    } else {
      units->emplace_back(order, absl::StrCat(field.head, field.value));
    }
  }

  // One by one, or in packs of any size.
  void AddElements(const FieldDescriptor& known, absl::string_view elements, Units* units) {
    while (!elements.empty()) {
      std::string pack;
      const bool packed = dice_.Half();
      do {
        pack += TakeElement(known, elements);
      } while (packed && !elements.empty() && dice_.Half());
      units->emplace_back(known.number(), packed ? Delimited(known.number(), pack)
                                                 : Tag(known.number(), TypeOf(known)) + pack);
    }
  }

  std::string TakeElement(const FieldDescriptor& known, absl::string_view& elements) {
    const size_t type = TypeOf(known);
    absl::string_view element = elements.substr(0, type == 1 ? 8 : 4);
    if (type == 0) {
      absl::string_view rest = elements;
      wire::TakeVarint(rest);
      element = elements.substr(0, elements.size() - rest.size());
    }
    elements.remove_prefix(element.size());
    return type == 0 ? Lengthened(element) : std::string(element);
  }

  static size_t TypeOf(const FieldDescriptor& known) {
    switch (known.type()) {
      case FieldDescriptor::TYPE_DOUBLE:
      case FieldDescriptor::TYPE_FIXED64:
      case FieldDescriptor::TYPE_SFIXED64:
        return 1;
      case FieldDescriptor::TYPE_FLOAT:
      case FieldDescriptor::TYPE_FIXED32:
      case FieldDescriptor::TYPE_SFIXED32:
        return 5;
      case FieldDescriptor::TYPE_STRING:
      case FieldDescriptor::TYPE_BYTES:
        return 2;
      default:
        return 0;
    }
  }

  // In more bytes than it needs, as no program should and some do.
  std::string Lengthened(absl::string_view varint) {
    std::string longer(varint);
    if (dice_.Below(4) != 0 || longer.size() == 10) return longer;
    longer.back() = static_cast<char>(longer.back() | 0x80);
    longer.push_back('\0');
    return longer;
  }

  void AddDefaults(const Descriptor& type, Units* units) {
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const bool there = std::any_of(units->begin(), units->end(), [&](const auto& unit) {
        return unit.first == field.number();
      });
      if (field.has_presence() || field.is_repeated() || there || dice_.Half()) continue;
      const size_t wire = TypeOf(field);
      units->emplace_back(field.number(), Tag(field.number(), wire) + std::string(wire == 1   ? 8
                                                                                  : wire == 5 ? 4
                                                                                              : 1,
                                                                                  '\0'));
    }
  }

  std::string Shuffled(Units units) {
    std::string bytes;
    while (!units.empty()) {  // any of those that are the first of their name
      const auto drawn = units.begin() + dice_.Below(static_cast<uint32_t>(units.size()));
      const auto first = std::find_if(units.begin(), units.end(),
                                      [&](const auto& unit) { return unit.first == drawn->first; });
      bytes += first->second;
      units.erase(first);
    }
    return bytes;
  }

  static std::string Varint(uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
    bytes.push_back(static_cast<char>(value));
    return bytes;
  }
  static std::string Tag(int number, size_t type) {
    return Varint(static_cast<uint64_t>(number) << 3 | type);
  }
  static std::string Delimited(int number, const std::string& value) {
    return Tag(number, 2) + Varint(value.size()) + value;
  }

  Dice& dice_;
};

}  // namespace singleflight::schema::testing

#endif  // SINGLEFLIGHT_TESTS_SCHEMA_RANDOM_MESSAGES_H_
