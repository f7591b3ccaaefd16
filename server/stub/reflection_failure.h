// Why a backend's schema could not be had.

#ifndef SINGLEFLIGHT_SERVER_STUB_REFLECTION_FAILURE_H_
#define SINGLEFLIGHT_SERVER_STUB_REFLECTION_FAILURE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::stub {

// It is asked again after a pause, whatever the reason.
enum class ReflectionFailure : uint8_t {
  kUnreachable,     // no endpoint could be connected to, or the connection was lost
  kSilent,          // no answer in time
  kUnimplemented,   // the backend has no server reflection
  kRefused,         // it answered with another error
  kTooLarge,        // it has more files, services or bytes than are taken
  kMalformed,       // what it answered is no schema
  kTooManyChanges,  // its schema has changed so often that keys would take too much memory
};

constexpr absl::string_view NameOf(ReflectionFailure why) {
  switch (why) {
    case ReflectionFailure::kUnreachable:
      return "unreachable";
    case ReflectionFailure::kSilent:
      return "silent";
    case ReflectionFailure::kUnimplemented:
      return "unimplemented";
    case ReflectionFailure::kRefused:
      return "refused";
    case ReflectionFailure::kTooLarge:
      return "too_large";
    case ReflectionFailure::kMalformed:
      return "malformed";
    case ReflectionFailure::kTooManyChanges:
      return "too_many_changes";
  }
  return "";
}

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_REFLECTION_FAILURE_H_
