// How a TLS handshake with a client ends.

#ifndef SINGLEFLIGHT_SERVER_TLS_HANDSHAKE_H_
#define SINGLEFLIGHT_SERVER_TLS_HANDSHAKE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::tls {

// HTTP/2 follows a full or resumed one; the connection ends with the others.
enum class Handshake : uint8_t {
  kFull,
  kResumed,   // short, by a session that both sides knew
  kFailed,    // the debug log says why
  kTimedOut,  // not over in time
};

constexpr absl::string_view NameOf(Handshake how) {
  switch (how) {
    case Handshake::kFull:
      return "full";
    case Handshake::kResumed:
      return "resumed";
    case Handshake::kFailed:
      return "failed";
    case Handshake::kTimedOut:
      return "timed_out";
  }
  return "";
}

}  // namespace singleflight::tls

#endif  // SINGLEFLIGHT_SERVER_TLS_HANDSHAKE_H_
