// Counts the gRPC messages in a run of bytes that comes piece by piece, and keeps none of it.

#ifndef SINGLEFLIGHT_SERVER_WIRE_MESSAGE_H_
#define SINGLEFLIGHT_SERVER_WIRE_MESSAGE_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace singleflight::wire {

// A gRPC message on the wire is a flag byte (0 or 1: compressed), a length of four bytes,
// big-endian, and that many bytes ("Length-Prefixed-Message", gRPC over HTTP2).
inline constexpr size_t kMessagePrefixBytes = 5;

// Follows the bytes of one direction of a call. As it keeps no byte, a prefix that claims 4 GiB
// costs nothing.
class MessageScanner {
 public:
  enum class State {
    kBetween,    // zero or more whole messages and nothing else
    kInside,     // the last message has not ended
    kMalformed,  // a flag byte that is neither 0 nor 1; stays so
  };

  // The next bytes, in order.
  void Feed(absl::string_view bytes);

  State state() const {
    if (malformed_) return State::kMalformed;
    return prefix_seen_ == 0 ? State::kBetween : State::kInside;
  }

  // Messages whose last byte has been seen.
  uint64_t complete() const { return complete_; }

  // How many bytes the message that has begun says are still to come.
  uint32_t to_come() const { return prefix_seen_ == kMessagePrefixBytes ? left_ : 0; }

  // The largest length that a prefix has claimed so far.
  uint32_t largest() const { return largest_; }

  // True when a second message has begun, complete or not.
  bool MoreThanOne() const { return complete_ + (state() == State::kInside ? 1 : 0) > 1; }

  // Exactly one message and nothing else.
  bool ExactlyOne() const { return complete_ == 1 && state() == State::kBetween; }

 private:
  size_t TakePrefix(absl::string_view bytes);
  size_t TakeBody(absl::string_view bytes);

  bool malformed_ = false;
  uint8_t prefix_seen_ = 0;  // of kMessagePrefixBytes
  uint32_t left_ = 0;  // bytes of the body still to come; within a prefix, what it says so far
  uint32_t largest_ = 0;
  uint64_t complete_ = 0;
};

}  // namespace singleflight::wire

#endif  // SINGLEFLIGHT_SERVER_WIRE_MESSAGE_H_
