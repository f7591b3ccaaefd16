#include "server/wire/message.h"

#include <algorithm>

namespace singleflight::wire {

void MessageScanner::Feed(absl::string_view bytes) {
  while (!bytes.empty() && !malformed_) {
    bytes.remove_prefix(prefix_seen_ < kMessagePrefixBytes ? TakePrefix(bytes) : TakeBody(bytes));
    if (prefix_seen_ == kMessagePrefixBytes && left_ == 0) {
      prefix_seen_ = 0;
      ++complete_;
    }
  }
}

// Takes bytes of a prefix, which may come in pieces. Returns how many it took.
size_t MessageScanner::TakePrefix(absl::string_view bytes) {
  if (prefix_seen_ == 0 && static_cast<uint8_t>(bytes.front()) > 1) {
    malformed_ = true;
    return 0;
  }
  const size_t taken = std::min(bytes.size(), kMessagePrefixBytes - prefix_seen_);
  // The flag comes first, and is shifted out at the top.
  for (size_t i = 0; i < taken; ++i) left_ = left_ << 8 | static_cast<uint8_t>(bytes[i]);
  prefix_seen_ = static_cast<uint8_t>(prefix_seen_ + taken);
  if (prefix_seen_ == kMessagePrefixBytes) largest_ = std::max(largest_, left_);
  return taken;
}

size_t MessageScanner::TakeBody(absl::string_view bytes) {
  const size_t taken = std::min<size_t>(left_, bytes.size());
  left_ -= static_cast<uint32_t>(taken);
  return taken;
}

}  // namespace singleflight::wire
