// Why a compressed message is not inflated. What would have read it goes without: a request is
// keyed by the bytes as they came, and a caller that cannot read a reply is released.

#ifndef SINGLEFLIGHT_SERVER_CORE_INFLATION_REFUSAL_H_
#define SINGLEFLIGHT_SERVER_CORE_INFLATION_REFUSAL_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// The message stays as it is, whichever it is.
enum class InflationRefusal : uint8_t {
  kEncoding,   // not gzip, not deflate, or none is named
  kCorrupt,    // not one whole stream
  kPastBound,  // more than max_request_bytes, or max_reply_bytes
  kNoRoom,     // past max_held_bytes
};

constexpr absl::string_view NameOf(InflationRefusal why) {
  switch (why) {
    case InflationRefusal::kEncoding:
      return "encoding";
    case InflationRefusal::kCorrupt:
      return "corrupt";
    case InflationRefusal::kPastBound:
      return "past_bound";
    case InflationRefusal::kNoRoom:
      return "no_room";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_INFLATION_REFUSAL_H_
