// The bounds that clients can meet, and what ends when one is met. The session decides most of
// those that are about bytes and frames; its owner decides those about time, calls and memory.

#ifndef SINGLEFLIGHT_SERVER_HTTP2_BOUND_H_
#define SINGLEFLIGHT_SERVER_HTTP2_BOUND_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::http2 {

// A bound that a client met, in groups by what follows.
enum class Bound : uint8_t {
  // The connection ends.
  kResetAllowance,       // resets that cost upstream calls without end
  kQueuedFrames,         // PING and SETTINGS frames whose acknowledgements it does not read
  kContinuations,        // a header block in too many frames
  kEndlessHeaders,       // a header block that decompresses to more than anybody may say
  kEmptyFrames,          // DATA frames without a byte
  kProtocol,             // a connection error of RFC 9113, more streams than allowed among them
  kNotHttp2,             // it does not begin with the preface of HTTP/2
  kHandshakeTimeout,     // it was not ready for requests in time
  kFirstRequestTimeout,  // it was ready, and asked for nothing
  kIdleTimeout,          // it had no stream for too long
  kConnectionStall,      // it reads nothing of what waits for it, or sends a header block by crumbs
  kConnectionAge,        // it is old, and asked to make another
  kConnectionAgeGrace,   // it was old, and its calls did not end in time

  // The stream is reset.
  kStreamStall,  // its window lets nothing through of what waits for it

  // The call gets RESOURCE_EXHAUSTED.
  kHeaderBytes,    // its header list is too large
  kHeaderCount,    // its header list is too long
  kMessageBytes,   // a message of it claims to be too large
  kBufferedBytes,  // the process holds enough for the calls that it has
  kRequestStall,   // it has begun a message and hardly goes on with it
  kClientShare,    // its client holds more than half of all, and the rest is for others
  kClientHeaders,  // its reply has more metadata than its client says to take
};

// The option or rule, as labels say it: "idle_timeout".
constexpr absl::string_view NameOf(Bound bound) {
  switch (bound) {
    case Bound::kResetAllowance:
      return "reset_allowance";
    case Bound::kQueuedFrames:
      return "max_queued_frames";
    case Bound::kContinuations:
      return "continuations";
    case Bound::kEndlessHeaders:
      return "max_header_bytes";
    case Bound::kEmptyFrames:
      return "empty_frames";
    case Bound::kProtocol:
      return "protocol_error";
    case Bound::kNotHttp2:
      return "not_http2";
    case Bound::kHandshakeTimeout:
      return "handshake_timeout";
    case Bound::kFirstRequestTimeout:
      return "first_request_timeout";
    case Bound::kIdleTimeout:
      return "idle_timeout";
    case Bound::kConnectionStall:
      return "stall_timeout";
    case Bound::kConnectionAge:
      return "max_connection_age";
    case Bound::kConnectionAgeGrace:
      return "max_connection_age_grace";
    case Bound::kStreamStall:
      return "stall_timeout";
    case Bound::kHeaderBytes:
      return "max_header_bytes";
    case Bound::kHeaderCount:
      return "max_header_count";
    case Bound::kMessageBytes:
      return "max_message_bytes";
    case Bound::kBufferedBytes:
      return "max_buffered_bytes";
    case Bound::kRequestStall:
      return "stall_timeout";
    case Bound::kClientShare:
      return "client_share";
    case Bound::kClientHeaders:
      return "client_header_list";
  }
  return "";
}

// What ends when a bound is met.
enum class Ends : uint8_t { kConnection, kStream, kCall };

constexpr Ends WhatEnds(Bound bound) {
  switch (bound) {
    case Bound::kResetAllowance:
    case Bound::kQueuedFrames:
    case Bound::kContinuations:
    case Bound::kEndlessHeaders:
    case Bound::kEmptyFrames:
    case Bound::kProtocol:
    case Bound::kNotHttp2:
    case Bound::kHandshakeTimeout:
    case Bound::kFirstRequestTimeout:
    case Bound::kIdleTimeout:
    case Bound::kConnectionStall:
    case Bound::kConnectionAge:
    case Bound::kConnectionAgeGrace:
      return Ends::kConnection;
    case Bound::kStreamStall:
      return Ends::kStream;
    case Bound::kHeaderBytes:
    case Bound::kHeaderCount:
    case Bound::kMessageBytes:
    case Bound::kBufferedBytes:
    case Bound::kRequestStall:
    case Bound::kClientShare:
    case Bound::kClientHeaders:
      return Ends::kCall;
  }
  return Ends::kCall;
}

constexpr bool EndsConnection(Bound bound) { return WhatEnds(bound) == Ends::kConnection; }

// Whether only a client that means harm gets there, so that the operator is told.
constexpr bool IsFlood(Bound bound) {
  switch (bound) {
    case Bound::kResetAllowance:
    case Bound::kQueuedFrames:
    case Bound::kContinuations:
    case Bound::kEndlessHeaders:
    case Bound::kEmptyFrames:
      return true;
    case Bound::kProtocol:
    case Bound::kNotHttp2:
    case Bound::kHandshakeTimeout:
    case Bound::kFirstRequestTimeout:
    case Bound::kIdleTimeout:
    case Bound::kConnectionStall:
    case Bound::kConnectionAge:
    case Bound::kConnectionAgeGrace:
    case Bound::kStreamStall:
    case Bound::kHeaderBytes:
    case Bound::kHeaderCount:
    case Bound::kMessageBytes:
    case Bound::kBufferedBytes:
    case Bound::kRequestStall:
    case Bound::kClientShare:
    case Bound::kClientHeaders:
      return false;
  }
  return false;
}

}  // namespace singleflight::http2

#endif  // SINGLEFLIGHT_SERVER_HTTP2_BOUND_H_
