#include "server/wire/message.h"

#include <algorithm>

namespace singleflight::wire {

void MessageScanner::Feed(absl::string_view bytes) {
  while (!bytes.empty() && !malformed_) {
    if (prefix_seen_ == kMessagePrefixBytes) {
      const auto taken = static_cast<uint32_t>(std::min<size_t>(left_, bytes.size()));
      left_ -= taken;
      bytes.remove_prefix(taken);
    } else {
      const uint8_t byte = static_cast<uint8_t>(bytes.front());
      bytes.remove_prefix(1);
      if (prefix_seen_ == 0) {
        malformed_ = byte > 1;
        left_ = 0;
      } else {
        left_ = left_ << 8 | byte;
      }
      if (++prefix_seen_ == kMessagePrefixBytes) largest_ = std::max(largest_, left_);
    }
    if (prefix_seen_ == kMessagePrefixBytes && left_ == 0) {
      prefix_seen_ = 0;
      ++complete_;
    }
  }
}

MessageScanner::State MessageScanner::state() const {
  if (malformed_) return State::kMalformed;
  return prefix_seen_ == 0 ? State::kBetween : State::kInside;
}

}  // namespace singleflight::wire
