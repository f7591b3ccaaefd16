// Lengths and other numbers with seven bits in each byte, the lowest ones first, and the eighth bit
// on all bytes but the last: a varint of Protobuf.

#ifndef SINGLEFLIGHT_SERVER_MODEL_LENGTH_H_
#define SINGLEFLIGHT_SERVER_MODEL_LENGTH_H_

#include <cstddef>

namespace singleflight::model {

inline constexpr int kLengthBits = 7;
inline constexpr size_t kMoreFollows = 1 << kLengthBits;

// How many bytes WriteLength writes.
inline size_t SizeOfLength(size_t length) {
  size_t size = 1;
  for (; length >= kMoreFollows; length >>= kLengthBits) ++size;
  return size;
}

// Returns where it ends.
inline char* WriteLength(char* out, size_t length) {
  for (; length >= kMoreFollows; length >>= kLengthBits) {
    *out++ = static_cast<char>(length | kMoreFollows);
  }
  *out++ = static_cast<char>(length);
  return out;
}

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_LENGTH_H_
