// What blocking callers get, and how long they wait for it.

#ifndef SINGLEFLIGHT_SHARED_H_
#define SINGLEFLIGHT_SHARED_H_

#include "singleflight/internal/cxx20.h"

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <stop_token>

#include "singleflight/role.h"

namespace singleflight {

// What Group::Do and KeyedGroups::Do return.
template <typename R>
struct Shared {
  R value;           // a follower's is a copy of the leader's
  Role role;         // what must be done once per flight is done by the leader
  size_t shared_by;  // callers that got this value, the leader included
};

template <>
struct Shared<void> {
  Role role;
  size_t shared_by;
};

// How long a follower waits: until the deadline or until the stop is requested, whichever is first.
struct Until {
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::stop_token stop = {};
};

// Thrown by Do when the work of a flight asks for that very flight, which would wait for itself.
class RecursiveCall : public std::logic_error {
 public:
  RecursiveCall() : std::logic_error("singleflight: work asked for its own key") {}
};

}  // namespace singleflight

#endif  // SINGLEFLIGHT_SHARED_H_
