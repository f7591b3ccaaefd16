#include "tests/lib/allocations.h"

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {
constinit thread_local uint64_t allocations = 0;
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
void* operator new(size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(size_t size, std::align_val_t alignment) {
  ++allocations;
  const size_t align = static_cast<size_t>(alignment);
  if (void* const memory = std::aligned_alloc(align, (size + align - 1) / align * align)) {
    return memory;
  }
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
#endif

namespace singleflight {

uint64_t AllocationsOfThisThread() { return allocations; }

}  // namespace singleflight
