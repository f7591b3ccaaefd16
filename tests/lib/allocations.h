#ifndef SINGLEFLIGHT_TESTS_LIB_ALLOCATIONS_H_
#define SINGLEFLIGHT_TESTS_LIB_ALLOCATIONS_H_

#include <cstdint>

namespace singleflight {

// How often this thread has allocated. Linking allocations.cc replaces operator new, or, under
// Clang's sanitizers, takes their hook.
uint64_t AllocationsOfThisThread();

}  // namespace singleflight

#endif  // SINGLEFLIGHT_TESTS_LIB_ALLOCATIONS_H_
