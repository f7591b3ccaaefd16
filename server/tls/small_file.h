#ifndef SINGLEFLIGHT_SERVER_TLS_SMALL_FILE_H_
#define SINGLEFLIGHT_SERVER_TLS_SMALL_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace singleflight::tls {

// The bytes of a small regular file. Never waits, whatever the path leads to: pipes and devices are
// refused, as is what is larger than `largest`, which is whole MiB. Errors: a phrase that names the
// path and the cure.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t largest = 1u << 20);

}  // namespace singleflight::tls

#endif  // SINGLEFLIGHT_SERVER_TLS_SMALL_FILE_H_
