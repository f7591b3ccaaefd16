#include "server/survey/hashes.h"

#include <xxhash.h>

namespace singleflight::survey {

// Not HashOf: with a plain number as seed, calls of that name went to absl::HashOf, whose values
// differ from process to process.
uint64_t SeededHash(absl::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace singleflight::survey
