// Why a request is no acceptable gRPC call.

#ifndef SINGLEFLIGHT_SERVER_MODEL_REFUSED_H_
#define SINGLEFLIGHT_SERVER_MODEL_REFUSED_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::model {

// The client gets a reset, an HTTP status or a gRPC status: see Refusal::Answer.
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

constexpr absl::string_view NameOf(Refused why) {
  switch (why) {
    case Refused::kMalformed:
      return "malformed";
    case Refused::kMethod:
      return "method";
    case Refused::kContentType:
      return "content_type";
    case Refused::kAuthority:
      return "authority";
    case Refused::kHost:
      return "host";
    case Refused::kScheme:
      return "scheme";
    case Refused::kPath:
      return "path";
    case Refused::kTimeout:
      return "timeout";
    case Refused::kBinary:
      return "binary";
  }
  return "";
}

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_REFUSED_H_
