// Looks at texts sixteen bytes at a time, to find out fast that nothing is wrong with them.

#ifndef SINGLEFLIGHT_SERVER_BASE_BYTE_BLOCK_H_
#define SINGLEFLIGHT_SERVER_BASE_BYTE_BLOCK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace singleflight::base {

// Operators work on each byte by itself; a comparison makes 0xff of what is true. (An extension
// that GCC and clang have for every processor.)
using ByteBlock = uint8_t __attribute__((vector_size(16)));

using Truths = int8_t __attribute__((vector_size(16)));

inline bool AnyOf(Truths truths) {
  std::array<uint64_t, 2> halves;
  std::memcpy(halves.data(), &truths, sizeof(truths));
  return (halves[0] | halves[1]) != 0;
}

template <typename Word>
Word LoadWord(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// Four to sixteen bytes, some of them twice.
inline ByteBlock BlockOf(absl::string_view text) {
  const char* const end = text.data() + text.size();
  if (text.size() == sizeof(ByteBlock)) return LoadWord<ByteBlock>(text.data());
  std::array<uint64_t, 2> halves;
  if (text.size() >= sizeof(uint64_t)) {
    halves = {LoadWord<uint64_t>(text.data()), LoadWord<uint64_t>(end - sizeof(uint64_t))};
  } else {
    halves[0] = LoadWord<uint32_t>(text.data()) |
                uint64_t{LoadWord<uint32_t>(end - sizeof(uint32_t))} << 32;
    halves[1] = halves[0];
  }
  ByteBlock block;
  std::memcpy(&block, halves.data(), sizeof(block));
  return block;
}

// Whether no byte of `text` is one that `is` finds in a ByteBlock. Says false of a text of less
// than four bytes, too: whoever hears that looks at them one by one.
template <typename Predicate>
bool SurelyNone(absl::string_view text, Predicate is) {
  constexpr size_t kLeast = sizeof(uint32_t);
  if (text.size() < kLeast) return false;
  if (text.size() <= sizeof(ByteBlock)) return !AnyOf(is(BlockOf(text)));
  const char* at = text.data();
  const char* const last = at + text.size() - sizeof(ByteBlock);
  Truths found = is(LoadWord<ByteBlock>(last));
  for (; at < last; at += sizeof(ByteBlock)) found |= is(LoadWord<ByteBlock>(at));
  return !AnyOf(found);
}

}  // namespace singleflight::base

#endif  // SINGLEFLIGHT_SERVER_BASE_BYTE_BLOCK_H_
