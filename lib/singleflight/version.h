// The version of the library, by Semantic Versioning. This is the one place that says it: CMake and
// pkg-config read it here.

#ifndef SINGLEFLIGHT_VERSION_H_
#define SINGLEFLIGHT_VERSION_H_

#include "singleflight/internal/cxx20.h"

#define SINGLEFLIGHT_VERSION_MAJOR 0
#define SINGLEFLIGHT_VERSION_MINOR 1
#define SINGLEFLIGHT_VERSION_PATCH 0

// To compare: #if SINGLEFLIGHT_VERSION >= 200 asks for 0.2.0 or later.
#define SINGLEFLIGHT_VERSION                                               \
  (SINGLEFLIGHT_VERSION_MAJOR * 10000 + SINGLEFLIGHT_VERSION_MINOR * 100 + \
   SINGLEFLIGHT_VERSION_PATCH)

// "0.1.0"
#define SINGLEFLIGHT_VERSION_STRING                                                  \
  SINGLEFLIGHT_INTERNAL_JOIN(SINGLEFLIGHT_VERSION_MAJOR, SINGLEFLIGHT_VERSION_MINOR, \
                             SINGLEFLIGHT_VERSION_PATCH)
#define SINGLEFLIGHT_INTERNAL_JOIN(major, minor, patch) \
  SINGLEFLIGHT_INTERNAL_TEXT(major)                     \
  "." SINGLEFLIGHT_INTERNAL_TEXT(minor) "." SINGLEFLIGHT_INTERNAL_TEXT(patch)
#define SINGLEFLIGHT_INTERNAL_TEXT(number) #number

#endif  // SINGLEFLIGHT_VERSION_H_
