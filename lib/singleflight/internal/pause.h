// One turn of a spin loop, and how many turns to take.

#ifndef SINGLEFLIGHT_INTERNAL_PAUSE_H_
#define SINGLEFLIGHT_INTERNAL_PAUSE_H_

namespace singleflight::internal {

// How often to look again before going to sleep: about what going to sleep would cost.
inline constexpr int kSpins = 40;

// One turn of a spin loop.
inline void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_PAUSE_H_
