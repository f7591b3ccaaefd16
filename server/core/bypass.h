// Why a call on a collapse route went alone. It is relayed, and its reply says why.

#ifndef SINGLEFLIGHT_SERVER_CORE_BYPASS_H_
#define SINGLEFLIGHT_SERVER_CORE_BYPASS_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// The caller makes an upstream call of its own, whichever it is.
enum class Bypass : uint8_t {
  kSecondMessage,    // the caller sent a second message
  kOpenEnded,        // a message was complete, but the caller's side stayed open
  kRequestTooLarge,  // more bytes than collapse.max_request_bytes
  kNoMessage,        // the caller's side ended without exactly one well-formed message
  kStreamingMethod,  // the method turned out to stream a short while ago
  kLargeReply,       // the key's reply turned out to be too large to share a short while ago
  kSlowRequest,      // the request was not whole within limits.request_timeout
  kNoStore,          // its cache-control says no-store
  kDiffered,         // checks of the route, or of the caller's client, have found replies to differ
  kKeptEncoding,     // neither the caller nor this program can read the encoding of what is kept
};

constexpr absl::string_view NameOf(Bypass why) {
  switch (why) {
    case Bypass::kSecondMessage:
      return "second_message";
    case Bypass::kOpenEnded:
      return "open_ended";
    case Bypass::kRequestTooLarge:
      return "request_too_large";
    case Bypass::kNoMessage:
      return "no_message";
    case Bypass::kStreamingMethod:
      return "streaming_method";
    case Bypass::kLargeReply:
      return "large_reply";
    case Bypass::kSlowRequest:
      return "slow_request";
    case Bypass::kNoStore:
      return "no_store";
    case Bypass::kDiffered:
      return "differed";
    case Bypass::kKeptEncoding:
      return "kept_encoding";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_BYPASS_H_
