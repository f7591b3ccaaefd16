// Why a flight releases waiters, and why one that was released makes no call of its own.

#ifndef SINGLEFLIGHT_SERVER_CORE_RELEASE_H_
#define SINGLEFLIGHT_SERVER_CORE_RELEASE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// The leader goes on with the flight's call where there is a reply. Everybody else makes a call of
// its own, through the upstream's release gate.
enum class Release : uint8_t {
  kReplyStreams,   // the reply has a second message or does not end
  kReplyTooLarge,  // it is larger than collapse.max_reply_bytes
  kReplyPrivate,   // it is meant for one caller, and the route shares across credentials
  kReplyEncoding,  // neither the waiter nor this program can read its encoding, or it is about the
                   // encoding of the leader's request
  kLeaderRefused,  // the call was not sent, for a reason that concerns the leader alone: a bound,
                   // or it takes what was kept meanwhile, and the waiter does not
};

constexpr absl::string_view NameOf(Release why) {
  switch (why) {
    case Release::kReplyStreams:
      return "reply_streams";
    case Release::kReplyTooLarge:
      return "reply_too_large";
    case Release::kReplyPrivate:
      return "reply_private";
    case Release::kReplyEncoding:
      return "reply_encoding";
    case Release::kLeaderRefused:
      return "leader_refused";
  }
  return "";
}

// Why a released waiter does not get through the gate. It gets RESOURCE_EXHAUSTED.
enum class GateRefusal : uint8_t {
  kFlightTimeout,  // it was not its turn within collapse.flight_timeout
  kQueueFull,      // as many of its key were waiting as may
};

constexpr absl::string_view NameOf(GateRefusal why) {
  switch (why) {
    case GateRefusal::kFlightTimeout:
      return "flight_timeout";
    case GateRefusal::kQueueFull:
      return "queue_full";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_RELEASE_H_
