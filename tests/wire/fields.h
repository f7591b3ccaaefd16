// Protobuf's bytes, field by field, for tests.

#ifndef SINGLEFLIGHT_TESTS_WIRE_FIELDS_H_
#define SINGLEFLIGHT_TESTS_WIRE_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace singleflight::wire {

inline std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

inline std::string Tag(uint32_t number, int type) {
  return Varint(uint64_t{number} << 3 | static_cast<uint64_t>(type));
}
inline std::string Number(uint32_t number, uint64_t value) {
  return Tag(number, 0) + Varint(value);
}
// Also a message, or a packed list.
inline std::string Text(uint32_t number, const std::string& text) {
  return Tag(number, 2) + Varint(text.size()) + text;
}
inline std::string Group(uint32_t number, const std::string& bytes) {
  return Tag(number, 3) + bytes + Tag(number, 4);
}

// Of 4 or 8 bytes.
inline std::string Fixed(uint32_t number, size_t bytes, uint64_t value) {
  std::string field = Tag(number, bytes == 4 ? 5 : 1);
  for (size_t i = 0; i < bytes; ++i) field.push_back(static_cast<char>(value >> (8 * i)));
  return field;
}

}  // namespace singleflight::wire

#endif  // SINGLEFLIGHT_TESTS_WIRE_FIELDS_H_
