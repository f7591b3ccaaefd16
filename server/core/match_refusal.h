// Why a call's message was not looked at to choose its route. No condition on fields holds for it.

#ifndef SINGLEFLIGHT_SERVER_CORE_MATCH_REFUSAL_H_
#define SINGLEFLIGHT_SERVER_CORE_MATCH_REFUSAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// The call takes the first route without such a condition, whichever it is.
enum class MatchRefusal : uint8_t {
  kSecondMessage,    // the caller sent a second message
  kOpenEnded,        // a message was complete, but the caller's side stayed open
  kRequestTooLarge,  // more bytes than collapse.max_request_bytes of the first route that asks
  kNoMessage,        // the caller's side ended without exactly one well-formed message
  kSlowRequest,      // the request was not whole within limits.request_timeout
  kUnreadable,       // the message is not Protobuf, or is compressed in a way that cannot be undone
};

constexpr absl::string_view NameOf(MatchRefusal why) {
  switch (why) {
    case MatchRefusal::kSecondMessage:
      return "second_message";
    case MatchRefusal::kOpenEnded:
      return "open_ended";
    case MatchRefusal::kRequestTooLarge:
      return "request_too_large";
    case MatchRefusal::kNoMessage:
      return "no_message";
    case MatchRefusal::kSlowRequest:
      return "slow_request";
    case MatchRefusal::kUnreadable:
      return "unreadable";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_MATCH_REFUSAL_H_
