#ifndef SINGLEFLIGHT_TESTS_LIB_ALLOCATIONS_H_
#define SINGLEFLIGHT_TESTS_LIB_ALLOCATIONS_H_

#include <cstddef>
#include <cstdint>

namespace singleflight {

// How often this thread has allocated. Linking allocations.cc replaces operator new, or, under
// Clang's sanitizers, takes their hook.
uint64_t AllocationsOfThisThread();

// Of all threads together, made and not yet freed; always the same under Clang's sanitizers.
int64_t LiveAllocations();

// While it lives, the nth allocation of the threads that take part throws std::bad_alloc; none does
// under Clang's sanitizers. One at a time.
class FailingAllocation {
 public:
  explicit FailingAllocation(int64_t nth);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  // Whether there was an nth.
  bool met() const;

  // While it lives, its thread takes part.
  class TakesPart {
   public:
    TakesPart();
    ~TakesPart();
    TakesPart(const TakesPart&) = delete;
    TakesPart& operator=(const TakesPart&) = delete;
  };
};

}  // namespace singleflight

#endif  // SINGLEFLIGHT_TESTS_LIB_ALLOCATIONS_H_
