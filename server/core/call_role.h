#ifndef SINGLEFLIGHT_SERVER_CORE_CALL_ROLE_H_
#define SINGLEFLIGHT_SERVER_CORE_CALL_ROLE_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// What became of a call. It keeps the first role that it gets: a follower that its flight released
// makes a call of its own, and is a follower.
enum class CallRole : uint8_t {
  kHit,       // answered from the cache
  kLeader,    // started a flight
  kFollower,  // joined one
  kRelay,     // its route only relays
  kBypass,    // went alone on a route that shares
  kDeparted,  // left before its request was whole
  kRefused,   // got a status of this program's own before it had another role
};

// The first of them: those whose callers wait for an answer.
inline constexpr size_t kWaitingRoles = 5;

constexpr absl::string_view NameOf(CallRole role) {
  switch (role) {
    case CallRole::kHit:
      return "hit";
    case CallRole::kLeader:
      return "leader";
    case CallRole::kFollower:
      return "follower";
    case CallRole::kRelay:
      return "relay";
    case CallRole::kBypass:
      return "bypass";
    case CallRole::kDeparted:
      return "departed";
    case CallRole::kRefused:
      return "refused";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_CALL_ROLE_H_
