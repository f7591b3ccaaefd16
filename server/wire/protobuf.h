// Reads a Protobuf message without its schema, field by field, as protobuf.dev/programming-guides/
// encoding has it.

#ifndef SINGLEFLIGHT_SERVER_WIRE_PROTOBUF_H_
#define SINGLEFLIGHT_SERVER_WIRE_PROTOBUF_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::wire {

inline constexpr uint32_t kLargestFieldNumber = (1u << 29) - 1;

// Takes a varint off the front of `bytes`; nothing: it is cut short, or has more than 64 bits.
absl::optional<uint64_t> TakeVarint(absl::string_view& bytes);

struct ProtobufField {
  enum class Type : uint8_t {
    kVarint = 0,
    kFixed64 = 1,
    kLengthDelimited = 2,  // a string, bytes, a message or a packed list: only a schema knows
    kGroup = 3,
    kFixed32 = 5,
  };
  uint32_t number;
  Type type;

  // Views of the message. The three follow each other, and together are the field.
  absl::string_view head;   // the tag; of kLengthDelimited the length, too
  absl::string_view value;  // of a group what stands between its two tags
  absl::string_view tail;   // of a group its second tag, else empty
};

// Goes over the fields of one message, in the order in which they stand.
class ProtobufReader {
 public:
  explicit ProtobufReader(absl::string_view message) : rest_(message) {}

  // The next field. False: there is none, or what comes is not Protobuf (malformed).
  bool Next(ProtobufField* field);

  // What stands there is no field: cut short, a number or type that there is not, a group that does
  // not end or that lies deeper than 100 others, which is where Protobuf gives up.
  bool malformed() const { return malformed_; }

 private:
  bool Fail();

  absl::string_view rest_;
  bool malformed_ = false;
};

}  // namespace singleflight::wire

#endif  // SINGLEFLIGHT_SERVER_WIRE_PROTOBUF_H_
