#include "server/model/key_parts.h"

#include <cstring>

#include "server/model/encoding.h"
#include "server/wire/message.h"

namespace singleflight::model {
namespace {

uint32_t TakeNumber(absl::string_view& bytes) {
  uint32_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof(number));
  bytes.remove_prefix(sizeof(number));
  return number;
}

// Seven bits a byte, the lowest ones first; the eighth says that more follow.
size_t TakeLength(absl::string_view& bytes) {
  size_t length = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    length |= static_cast<size_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return length;
  }
}

absl::string_view TakePart(absl::string_view& bytes) {
  const size_t length = TakeLength(bytes);
  const absl::string_view part = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return part;
}

}  // namespace

KeyParts PartsOf(const Key& key) {
  absl::string_view rest = key.bytes;
  KeyParts parts{};
  parts.policy = TakeNumber(rest);
  parts.trust = TakeNumber(rest);
  parts.authority = TakePart(rest);
  parts.method = TakePart(rest);
  parts.suffix = TakePart(rest);
  parts.message = TakePart(rest);
  parts.metadata = rest;
  return parts;
}

// The flags of the wire stand before a prefix; key.cc has others, with none.
absl::optional<absl::string_view> ProtobufIn(const KeyParts& parts) {
  const absl::string_view message = parts.message;
  if (!parts.suffix.empty() || message.empty() || IsCompressed(message)) return absl::nullopt;
  const size_t prefix = message.front() == 0 ? wire::kMessagePrefixBytes : 1;
  if (message.size() < prefix) return absl::nullopt;
  return message.substr(prefix);
}

bool TakeField(absl::string_view& metadata, Field& field) {
  if (metadata.empty()) return false;
  field.name = TakePart(metadata);
  field.value = TakePart(metadata);
  return true;
}

}  // namespace singleflight::model
