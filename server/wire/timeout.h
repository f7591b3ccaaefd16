// Reads and writes `grpc-timeout` (gRPC over HTTP2, "Timeout").

#ifndef SINGLEFLIGHT_SERVER_WIRE_TIMEOUT_H_
#define SINGLEFLIGHT_SERVER_WIRE_TIMEOUT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace singleflight::wire {

// Reads a `grpc-timeout` value: one to eight digits and a unit, H M S m u or n. Nothing: it is
// malformed.
absl::optional<absl::Duration> ParseTimeout(absl::string_view value);

// Writes one, in the finest unit that eight digits allow; never longer than `timeout`, except that
// what is less than a nanosecond becomes "1n", because a peer may refuse 0.
std::string FormatTimeout(absl::Duration timeout);

}  // namespace singleflight::wire

#endif  // SINGLEFLIGHT_SERVER_WIRE_TIMEOUT_H_
