// The reasons why a request is no acceptable gRPC call.

#ifndef SINGLEFLIGHT_SERVER_METRICS_REFUSED_H_
#define SINGLEFLIGHT_SERVER_METRICS_REFUSED_H_

#include <cstddef>
#include <cstdint>

namespace singleflight::metrics {

enum class Refused : uint8_t {
  kMalformed,    // it breaks RFC 9113 §8; the debug log says how
  kMethod,       // not POST
  kContentType,  // not application/grpc, once
  kAuthority,    // obs-text or control characters
  kHost,         // unlike the authority, or several
  kScheme,       // neither http nor https
  kPath,         // names no method
  kTimeout,      // grpc-timeout is none
  kBinary,       // a field of binary metadata is no base64, or joins too many values
};
inline constexpr size_t kRefusedReasons = 9;

}  // namespace singleflight::metrics

#endif  // SINGLEFLIGHT_SERVER_METRICS_REFUSED_H_
