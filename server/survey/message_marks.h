// The message of a key as this room remembers it: a mark for each path of its fields, which is a
// hash of what stands there.
//
//   messages   Only a schema knows which fields hold messages. Here those do that read as Protobuf,
//              and not as text: text has no control characters, and a message hardly goes without.
//              That a message is there has a mark of its own, beside those of its fields.
//   repeated   What stands at one path makes one hash, in its order.
//   bounds     A message that is longer than kLongest, has more paths than kMost, or takes more
//              than kMostWork to go over, is not taken apart. Nor is one that is not Protobuf. What
//              lies deeper than a FieldCode reaches counts with the message that it stands in; so
//              does what stands in a message that is too much to look through.

#ifndef SINGLEFLIGHT_SERVER_SURVEY_MESSAGE_MARKS_H_
#define SINGLEFLIGHT_SERVER_SURVEY_MESSAGE_MARKS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/model/key.h"
#include "server/survey/field_code.h"
#include "server/wire/protobuf.h"

namespace singleflight::survey {

class MessageMarks {
 public:
  static constexpr size_t kLongest = 8 << 10;
  static constexpr size_t kMost = 48;
  static constexpr size_t kMostWork = 1024;  // in fields, each gone over about twice

  struct Mark {
    FieldCode field;
    uint32_t value;
  };

  explicit MessageMarks(const model::Key& key);

  uint64_t rest() const { return rest_; }        // a hash of all of the key but the message
  uint64_t message() const { return message_; }  // a hash of the message
  bool taken_apart() const { return taken_apart_; }
  absl::Span<const Mark> all() const { return {all_.data(), size_}; }

 private:
  bool TakeApart(absl::string_view message, FieldCode at);
  bool HoldsMessage(const wire::ProtobufField& field, FieldCode at);
  bool Spend(const wire::ProtobufField& field);
  bool Add(FieldCode field, wire::ProtobufField::Type type, absl::string_view value);

  uint64_t rest_;
  uint64_t message_;
  bool taken_apart_ = false;
  size_t work_ = 0;
  size_t size_ = 0;
  std::array<Mark, kMost> all_;
};

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_MESSAGE_MARKS_H_
