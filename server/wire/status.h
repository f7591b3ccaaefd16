// gRPC statuses on the wire: `grpc-status`, `grpc-message`, and what a reset stream stands for.

#ifndef SINGLEFLIGHT_SERVER_WIRE_STATUS_H_
#define SINGLEFLIGHT_SERVER_WIRE_STATUS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::wire {

// gRPC status codes (gRPC, "Status codes and their use in gRPC").
enum class StatusCode : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

inline constexpr size_t kStatusCodes = 17;

// "NOT_FOUND". Empty: it is no code.
constexpr absl::string_view NameOf(StatusCode code) {
  constexpr absl::string_view kNames[kStatusCodes] = {"OK",
                                                      "CANCELLED",
                                                      "UNKNOWN",
                                                      "INVALID_ARGUMENT",
                                                      "DEADLINE_EXCEEDED",
                                                      "NOT_FOUND",
                                                      "ALREADY_EXISTS",
                                                      "PERMISSION_DENIED",
                                                      "RESOURCE_EXHAUSTED",
                                                      "FAILED_PRECONDITION",
                                                      "ABORTED",
                                                      "OUT_OF_RANGE",
                                                      "UNIMPLEMENTED",
                                                      "INTERNAL",
                                                      "UNAVAILABLE",
                                                      "DATA_LOSS",
                                                      "UNAUTHENTICATED"};
  const auto number = static_cast<size_t>(code);
  return number < kStatusCodes ? kNames[number] : "";
}

// Reads a `grpc-status` value. Nothing: it is not one of the codes above.
absl::optional<StatusCode> ParseStatus(absl::string_view value);

// What a gRPC client makes of a stream that ends with RST_STREAM `error_code` and without a status
// (gRPC over HTTP2, "Errors").
StatusCode StatusOfReset(uint32_t error_code);

// Writes a status message for `grpc-message`: percent-encoded outside %x20-%x24 and %x26-%x7E.
std::string EncodeMessage(absl::string_view message);

// Reads one; what is not valid percent-encoding stays as it is.
std::string DecodeMessage(absl::string_view value);

}  // namespace singleflight::wire

#endif  // SINGLEFLIGHT_SERVER_WIRE_STATUS_H_
