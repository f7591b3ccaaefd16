// Mistakes of the calling code stop the program.

#ifndef SINGLEFLIGHT_INTERNAL_CHECK_H_
#define SINGLEFLIGHT_INTERNAL_CHECK_H_

#include <cstdio>
#include <cstdlib>

namespace singleflight::internal {

// Stops the program over what only a bug in the calling code can cause.
inline void Check(bool holds, const char* otherwise) {
  if (holds) [[likely]]
    return;
  std::fprintf(stderr, "singleflight: %s\n", otherwise);
  std::abort();
}

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_CHECK_H_
