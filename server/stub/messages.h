// The messages of a request, taken out of the bytes that a caller sends: gRPC wants each whole, and
// puts its prefix before it again.
//
// Threads: its loop's. Ownership: what is held keeps the caller's pieces, and so counts where they
// count (memory::Pieces).

#ifndef SINGLEFLIGHT_SERVER_STUB_MESSAGES_H_
#define SINGLEFLIGHT_SERVER_STUB_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "server/base/slice.h"
#include "server/wire/message.h"

namespace singleflight::stub {

struct Message {
  bool compressed = false;
  std::vector<base::Slice> parts;  // without the prefix; none is empty
  size_t bytes = 0;                // of all parts

  size_t wire_bytes() const { return bytes + wire::kMessagePrefixBytes; }
};

class Messages {
 public:
  // The next bytes, in order. False: they are no messages (MessageScanner::State::kMalformed).
  bool Feed(base::Slice bytes);

  // The whole messages, in order, which the user takes.
  std::deque<Message>& whole() { return whole_; }

  // Bytes of all messages that have been whole, since the beginning.
  uint64_t whole_bytes() const { return whole_bytes_; }

  // Bytes of a message that has begun and is not whole.
  size_t unfinished() const { return unfinished_; }

  // Lets go of everything.
  void Clear();

 private:
  void TakePrefix(base::Slice& bytes);
  void TakeBody(base::Slice& bytes);

  std::deque<Message> whole_;
  uint64_t whole_bytes_ = 0;
  Message next_;
  size_t prefix_seen_ = 0;
  uint32_t length_ = 0;    // as far as the prefix has been seen
  size_t unfinished_ = 0;  // prefix included
};

}  // namespace singleflight::stub

#endif  // SINGLEFLIGHT_SERVER_STUB_MESSAGES_H_
