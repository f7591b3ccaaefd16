// Why the beginning or the end of a reply is not taken. Its call fails, and the caller gets a
// status.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_REPLY_REFUSAL_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_REPLY_REFUSAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::upstream {

// The status that the caller gets.
enum class ReplyRefusal : uint8_t {
  kHeaderBytes,  // RESOURCE_EXHAUSTED: it is past that limit
  kMalformed,    // INTERNAL: it breaks HTTP/2
  kBinary,       // INTERNAL: its binary metadata is no base64
};

constexpr absl::string_view NameOf(ReplyRefusal why) {
  switch (why) {
    case ReplyRefusal::kHeaderBytes:
      return "max_reply_header_bytes";
    case ReplyRefusal::kMalformed:
      return "malformed";
    case ReplyRefusal::kBinary:
      return "binary";
  }
  return "";
}

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_REPLY_REFUSAL_H_
