#include "server/stub/messages.h"

#include <algorithm>
#include <utility>

namespace singleflight::stub {

bool Messages::Feed(base::Slice bytes) {
  while (!bytes.empty()) {
    const size_t before = bytes.size();
    if (prefix_seen_ < wire::kMessagePrefixBytes) {
      if (prefix_seen_ == 0 && static_cast<uint8_t>(bytes.view()[0]) > 1) return false;
      TakePrefix(bytes);
    } else {
      TakeBody(bytes);
    }
    unfinished_ += before - bytes.size();
    if (prefix_seen_ < wire::kMessagePrefixBytes || next_.bytes < length_) continue;
    whole_bytes_ += next_.wire_bytes();
    whole_.push_back(std::exchange(next_, Message()));
    prefix_seen_ = 0;
    unfinished_ = 0;
  }
  return true;
}

void Messages::TakePrefix(base::Slice& bytes) {
  const auto byte = static_cast<uint8_t>(bytes.view()[0]);
  bytes.RemovePrefix(1);
  if (prefix_seen_++ == 0) {
    next_.compressed = byte == 1;
    length_ = 0;
  } else {
    length_ = length_ << 8 | byte;
  }
}

void Messages::TakeBody(base::Slice& bytes) {
  const size_t taken = std::min(bytes.size(), length_ - next_.bytes);
  base::Slice part(bytes.owner(), bytes.view().substr(0, taken));
  if (next_.parts.empty() || !next_.parts.back().Join(part)) next_.parts.push_back(part);
  next_.bytes += taken;
  bytes.RemovePrefix(taken);
}

void Messages::Clear() {
  whole_.clear();
  next_ = Message();
}

}  // namespace singleflight::stub
