// Takes a key apart again into what key.cc put together, for those who tell people of keys. All are
// views of the key's bytes.

#ifndef SINGLEFLIGHT_SERVER_MODEL_KEY_PARTS_H_
#define SINGLEFLIGHT_SERVER_MODEL_KEY_PARTS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/headers.h"
#include "server/model/key.h"

namespace singleflight::model {

struct KeyParts {
  uint32_t policy;  // the number of the rules it was made by
  uint32_t trust;
  absl::string_view authority;  // in lower case
  absl::string_view method;
  absl::string_view suffix;  // of the content type
  absl::string_view
      message;  // without its compression, where that could be undone; what of it counts
  absl::string_view metadata;  // that counts; TakeField reads it
};

// Of a key that a KeyPolicy made.
KeyParts PartsOf(const Key& key);

// What of the message counts, as Protobuf has it. Nothing: it has another format, or is compressed.
// Whether it is well-formed nobody has looked.
absl::optional<absl::string_view> ProtobufIn(const KeyParts& parts);

// The next field, which is taken off the front of `metadata`. They are sorted by name. False: there
// is none left.
bool TakeField(absl::string_view& metadata, Field& field);

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_KEY_PARTS_H_
