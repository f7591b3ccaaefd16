// One form for all serializations of a message, for keys. Protobuf promises no order of fields and
// of map entries, and lets a field that has its default be written or not; so two programs, or one
// program twice, send different bytes for one message (PITFALLS 21).
//
// What is needed of a schema stands in plain structs, so that workers know no descriptors. The form
// is itself a serialization of the message, the one that C++ calls deterministic: fields by number,
// map entries by key, each number in its shortest form, repeated numbers packed as the schema says,
// and behind them what the schema does not know, as it came. So two messages have the same form
// only if they are the same message.
//
// Where there is any doubt there is no form: what is malformed, of another type than the schema
// says, out of its type's range, there twice where it may be there once, or very long.

#ifndef SINGLEFLIGHT_SERVER_MODEL_CANONICAL_FORM_H_
#define SINGLEFLIGHT_SERVER_MODEL_CANONICAL_FORM_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace singleflight::model {

struct CanonicalField {
  enum class Kind : uint8_t {
    kBool,
    kInt32,  // enums too
    kInt64,
    kUint32,
    kUint64,
    kSint32,
    kSint64,
    kFixed32,  // floats too
    kFixed64,  // doubles too
    kSfixed32,
    kSfixed64,
    kBytes,  // strings too, and what has no form of its own
    kMessage,
    kGroup,
  };
  enum class Shape : uint8_t {
    kExplicit,  // whether it is there counts
    kImplicit,  // its default is as good as nothing
    kRepeated,
    kPacked,  // repeated, and packed where a serializer has the choice
    kMap,     // of kMessage, which is an entry: fields 1 and 2
  };
  uint32_t number = 0;
  Kind kind = Kind::kBytes;
  Shape shape = Shape::kExplicit;
  uint32_t oneof = 0;    // of which at most one field is there; 0: none
  uint32_t message = 0;  // of kMessage and kGroup: its place in the list
};

struct CanonicalMessage {
  std::vector<CanonicalField> fields;  // by number, each once
};

// Threads: constant after construction.
class CanonicalForm {
 public:
  // Longer messages have no form, nor have those with more fields, all that are in them included,
  // or deeper ones: what a key costs is bounded by what the request is.
  static constexpr size_t kLongest = 1u << 20;
  static constexpr size_t kMostFields = 10'000;
  static constexpr size_t kDeepest = 64;

  // The first of `messages` is that of the request.
  explicit CanonicalForm(std::vector<CanonicalMessage> messages);

  // Writes the form of `message`. False: it has none, and `out` holds nothing of use.
  bool Write(absl::string_view message, std::string* out) const;

  // Everything in which two of these differ.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  const std::vector<CanonicalMessage> messages_;
  const std::string fingerprint_;
};

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_CANONICAL_FORM_H_
