#ifndef SINGLEFLIGHT_SERVER_PROXY_LIMITS_H_
#define SINGLEFLIGHT_SERVER_PROXY_LIMITS_H_

#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/http2/session.h"

namespace singleflight::proxy {

// `limits:`, what clients may do, on all listeners. Each has a metric: see http2::Bound. One member
// an option, so they are many.
struct LimitOptions {
  uint64_t max_connections = 16384;                      // further ones are closed immediately
  absl::optional<uint64_t> max_connections_per_address;  // TCP only

  // Of one connection.
  uint32_t max_concurrent_streams = 1024;  // advertised
  uint64_t max_header_bytes = 64 << 10;    // of one header list, as RFC 9113 §6.5.2 counts
  uint64_t max_header_count = 256;         // fields of one header list
  uint64_t reset_allowance = 10000;        // see http2::SessionOptions
  uint64_t max_queued_frames = 1000;       // acknowledgements that it does not read
  absl::Duration handshake_timeout = absl::Seconds(10);      // until HTTP/2 is ready for requests
  absl::Duration first_request_timeout = absl::Seconds(60);  // from the accept
  absl::Duration idle_timeout = absl::Hours(1);              // without a stream
  absl::Duration stall_timeout = absl::Seconds(60);          // see http2::SessionOptions
  absl::optional<absl::Duration> max_connection_age;         // a tenth more or less
  absl::optional<absl::Duration> max_connection_age_grace;   // none: as long as its calls take

  // Of one call.
  uint64_t max_message_bytes = uint64_t{2} << 30;      // each message of a request
  absl::Duration request_timeout = absl::Seconds(60);  // for a request that may be shared or kept

  // Of all calls together: what is held for them. Past it there are no new ones.
  uint64_t max_buffered_bytes = 1 << 30;

  bool operator==(const LimitOptions&) const = default;

  http2::SessionOptions ForSession() const {
    http2::SessionOptions options;
    options.max_concurrent_streams = max_concurrent_streams;
    options.max_header_list_bytes = max_header_bytes;
    options.max_header_count = max_header_count;
    options.reset_allowance = reset_allowance;
    options.max_queued_acks = max_queued_frames;
    options.stall_timeout = stall_timeout;
    return options;
  }
};

}  // namespace singleflight::proxy

#endif  // SINGLEFLIGHT_SERVER_PROXY_LIMITS_H_
