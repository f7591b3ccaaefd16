// How much memory a number of bytes really takes. malloc hands out blocks of some sizes only, so
// memory is counted in blocks.

#ifndef SINGLEFLIGHT_SERVER_BASE_BLOCK_BYTES_H_
#define SINGLEFLIGHT_SERVER_BASE_BLOCK_BYTES_H_

#include <bit>
#include <cstddef>
#include <string>

namespace singleflight::base {

// The memory that an allocation of `bytes` takes, up to a quarter more. jemalloc has blocks of the
// multiples of 16 up to 128, then of four sizes to a doubling.
constexpr size_t BlockBytes(size_t bytes) {
  if (bytes == 0) return 0;
  const size_t step = bytes <= 128 ? 16 : std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) / step * step;
}

// What a string has allocated. A short one lies in the string itself.
inline size_t BlockBytesOf(const std::string& text) {
  const bool inside = text.capacity() <= std::string().capacity();
  return inside ? 0 : BlockBytes(text.capacity() + 1);
}

// Empties it and gives its memory back. Assigning an empty string keeps the memory.
inline void LetGo(std::string& text) { std::string().swap(text); }

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_BLOCK_BYTES_H_
