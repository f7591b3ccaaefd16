#include "tests/lib/allocations.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

constinit thread_local uint64_t allocations = 0;
constinit thread_local bool takes_part = false;
constinit std::atomic<int64_t> live = 0;
constinit std::atomic<int64_t> until_failure = kNone;  // 0: it has failed

}  // namespace

// Clang's sanitizers only: GCC brings no header for the hook, and its sanitizers put up with
// operators of ours.
#if defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#ifdef SANITIZED
// They have operators of their own, and a hook to count by.
#include <sanitizer/allocator_interface.h>

namespace {
void Count(const volatile void*, size_t) { ++allocations; }
void Ignore(const volatile void*) {}
const int installed = __sanitizer_install_malloc_and_free_hooks(Count, Ignore);
}  // namespace
#else
#ifndef __clang__
// GCC inlines one half of a pair below and then complains that the halves do not match.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif
namespace {

void Count() {
  ++allocations;
  if (takes_part && until_failure > 0 && --until_failure == 0) throw std::bad_alloc();
}

void* Counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  ++live;
  return memory;
}

void Free(void* memory) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}

}  // namespace

void* operator new(size_t size) {
  Count();
  return Counted(std::malloc(size));
}
void* operator new(size_t size, std::align_val_t alignment) {
  Count();
  const size_t align = static_cast<size_t>(alignment);
  return Counted(std::aligned_alloc(align, (size + align - 1) / align * align));
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { Free(memory); }
#endif

namespace singleflight {

uint64_t AllocationsOfThisThread() { return allocations; }
int64_t LiveAllocations() { return live; }

FailingAllocation::FailingAllocation(int64_t nth) { until_failure = nth; }
FailingAllocation::~FailingAllocation() { until_failure = kNone; }
bool FailingAllocation::met() const { return until_failure <= 0; }
FailingAllocation::TakesPart::TakesPart() { takes_part = true; }
FailingAllocation::TakesPart::~TakesPart() { takes_part = false; }

}  // namespace singleflight
