// The hashes of this room. No secret seeds them (components.h).

#ifndef SINGLEFLIGHT_SERVER_SURVEY_HASHES_H_
#define SINGLEFLIGHT_SERVER_SURVEY_HASHES_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::survey {

uint64_t SeededHash(absl::string_view bytes, uint64_t seed);

inline uint32_t ShortHashOf(absl::string_view bytes, uint64_t seed) {
  return static_cast<uint32_t>(SeededHash(bytes, seed));
}

}  // namespace singleflight::survey

#endif  // SINGLEFLIGHT_SERVER_SURVEY_HASHES_H_
