// Whether a caller leads its flight or follows.

#ifndef SINGLEFLIGHT_ROLE_H_
#define SINGLEFLIGHT_ROLE_H_

#include "singleflight/internal/cxx20.h"

namespace singleflight {

enum class Role {
  kLeader,    // its arrival started the flight: it does the work, or sees to it
  kFollower,  // it joined a flight of somebody else and only waits
};

}  // namespace singleflight

#endif  // SINGLEFLIGHT_ROLE_H_
