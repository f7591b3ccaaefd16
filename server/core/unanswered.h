// What ended an upstream call that the backend did not answer.

#ifndef SINGLEFLIGHT_SERVER_CORE_UNANSWERED_H_
#define SINGLEFLIGHT_SERVER_CORE_UNANSWERED_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// A flight or call that ends an upstream call says why to UpstreamCall::Cancel; the pool sees the
// rest itself.
enum class Unanswered : uint8_t {
  // Said by the flight or the call; it ends the upstream call.
  kDeadline,       // its caller's deadline passed, or that of the last one aboard its flight
  kFlightTimeout,  // its flight's time was over: collapse.flight_timeout
  kCancelled,      // its caller has left
  kBound,          // a bound of this program ended it, which the caller's status names
  kHedge,          // its flight's other call replied first

  // Seen by the pool; the flight or the call hears OnFailed.
  kReset,           // the backend reset its stream, or ended it without a status
  kRefused,         // the backend had not begun with it, and it is not sent again
  kConnectionLost,  // its connection ended
  kPingTimeout,     // likewise, because the backend answered no PING
  kMalformed,       // its reply was refused here: it breaks HTTP/2, or its metadata breaks gRPC
  kUnreachable,     // it got no connection
  kNoRoom,          // max_pending_calls were waiting
  kClientShare,     // more than half of them, or of a breaker's bound, were its client's
  kBreaker,         // a bound of the upstream that all loops share was met
  kOverload,        // as many calls as may be were in the air, and it got no turn in time
};

constexpr absl::string_view NameOf(Unanswered why) {
  switch (why) {
    case Unanswered::kDeadline:
      return "deadline";
    case Unanswered::kFlightTimeout:
      return "flight_timeout";
    case Unanswered::kCancelled:
      return "cancelled";
    case Unanswered::kBound:
      return "bound";
    case Unanswered::kHedge:
      return "hedge";
    case Unanswered::kReset:
      return "reset";
    case Unanswered::kRefused:
      return "refused";
    case Unanswered::kConnectionLost:
      return "connection_lost";
    case Unanswered::kPingTimeout:
      return "ping_timeout";
    case Unanswered::kMalformed:
      return "malformed";
    case Unanswered::kUnreachable:
      return "unreachable";
    case Unanswered::kNoRoom:
      return "max_pending_calls";
    case Unanswered::kClientShare:
      return "client_share";
    case Unanswered::kBreaker:
      return "breaker";
    case Unanswered::kOverload:
      return "overload";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_UNANSWERED_H_
