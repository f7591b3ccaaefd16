// Why a write with `invalidates` dropped every group of its upstream and authority.

#ifndef SINGLEFLIGHT_SERVER_CORE_WIDE_INVALIDATION_H_
#define SINGLEFLIGHT_SERVER_CORE_WIDE_INVALIDATION_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::core {

// What it changed is not known, whichever it is.
enum class WideInvalidation : uint8_t {
  kSecondMessage,    // the caller sent a second message
  kRequestTooLarge,  // more bytes than collapse.max_request_bytes
  kNoRoom,           // limits.max_buffered_bytes, or the client's share of it, is used up
  kNoMessage,        // the call was answered, or over, before a well-formed message was whole
  kUnreadable,       // the message is not Protobuf, or is compressed in a way that cannot be undone
  kManyTags,         // there are more than model::kMostTags, or one is too long
  kUnknownField,     // a field is named, and the schema that has it is not there, or says otherwise
};

constexpr absl::string_view NameOf(WideInvalidation why) {
  switch (why) {
    case WideInvalidation::kSecondMessage:
      return "second_message";
    case WideInvalidation::kRequestTooLarge:
      return "request_too_large";
    case WideInvalidation::kNoRoom:
      return "no_room";
    case WideInvalidation::kNoMessage:
      return "no_message";
    case WideInvalidation::kUnreadable:
      return "unreadable";
    case WideInvalidation::kManyTags:
      return "many_tags";
    case WideInvalidation::kUnknownField:
      return "unknown_field";
  }
  return "";
}

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_WIDE_INVALIDATION_H_
