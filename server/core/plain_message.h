#ifndef SINGLEFLIGHT_SERVER_CORE_PLAIN_MESSAGE_H_
#define SINGLEFLIGHT_SERVER_CORE_PLAIN_MESSAGE_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "server/model/request.h"

namespace singleflight::core {

// The Protobuf message in `frame`, one message as on the wire, without compression. It lies in
// `frame` or in `storage`. Nothing: by its content type it is not Protobuf, or it cannot be
// inflated within `max_bytes`. Whether it is Protobuf in truth has not been looked at.
absl::optional<absl::string_view> PlainMessage(const model::Request& request,
                                               absl::string_view frame, size_t max_bytes,
                                               std::string* storage);

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_PLAIN_MESSAGE_H_
