// What a compiler says that is set to an older standard.

#ifndef SINGLEFLIGHT_INTERNAL_CXX20_H_
#define SINGLEFLIGHT_INTERNAL_CXX20_H_

// Included before anything else by every header of the library, so that this is the first message.
#if __cplusplus <= 201703L && (!defined(_MSVC_LANG) || _MSVC_LANG <= 201703L)
#error \
    "singleflight needs C++20: compile with -std=c++20, or target_compile_features(... cxx_std_20)"
#endif

#endif  // SINGLEFLIGHT_INTERNAL_CXX20_H_
