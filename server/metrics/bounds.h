// The bounds that clients can meet, and how often each was met on one worker.

#ifndef SINGLEFLIGHT_SERVER_METRICS_BOUNDS_H_
#define SINGLEFLIGHT_SERVER_METRICS_BOUNDS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/metrics/cell.h"
#include "server/metrics/visitor.h"

namespace singleflight::metrics {

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
inline constexpr size_t kBounds = 21;

// The option or rule, as labels say it: "idle_timeout".
absl::string_view NameOf(Bound bound);

// How often each was met, on one worker.
class BoundMetrics {
 public:
  void Count(Bound bound) { met_[static_cast<size_t>(bound)].Add(); }
  uint64_t count(Bound bound) const { return met_[static_cast<size_t>(bound)].value(); }

  void Show(Visitor& visitor) const;

 private:
  std::array<Counter, kBounds> met_;
};

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_BOUNDS_H_
