#ifndef SINGLEFLIGHT_SERVER_WIRE_METHOD_H_
#define SINGLEFLIGHT_SERVER_WIRE_METHOD_H_

#include "absl/strings/string_view.h"

namespace singleflight::wire {

// "/package.Service/Method", the last two segments of a call's path. What may stand before them is
// a matter of how a server is reached, and no .proto file knows it.
inline absl::string_view WithoutPrefix(absl::string_view path) {
  const size_t method = path.rfind('/');
  if (method == absl::string_view::npos || method == 0) return path;
  const size_t service = path.rfind('/', method - 1);
  return service == absl::string_view::npos ? path : path.substr(service);
}

}  // namespace singleflight::wire

#endif  // SINGLEFLIGHT_SERVER_WIRE_METHOD_H_
