#include "server/http2/early_data.h"

#include <algorithm>
#include <utility>

#include "server/http2/frame_head.h"

namespace singleflight::http2 {

absl::string_view EarlyData::Next(absl::string_view& bytes) {
  stream_ = 0;
  if (!held_.empty()) {
    const size_t more = std::min(FrameHead::kBytes - held_.size(), bytes.size());
    held_.append(bytes.data(), more);
    bytes.remove_prefix(more);
    if (held_.size() < FrameHead::kBytes) return {};
    head_ = std::exchange(held_, "");
    if (IsInQuestion(head_)) stream_ = static_cast<int32_t>(FrameHead(head_).stream());
    Begin(head_);
    pass_ -= head_.size();
    return head_;
  }
  size_t at = 0;
  while (at < bytes.size()) {
    const absl::string_view rest = bytes.substr(at);
    if (pass_ == 0 && rest.size() < FrameHead::kBytes) {
      held_ = std::string(rest);
      const absl::string_view before = bytes.substr(0, at);
      bytes = {};
      return before;
    }
    if (pass_ == 0) {
      if (IsInQuestion(rest)) {
        if (at > 0) break;
        stream_ = static_cast<int32_t>(FrameHead(rest).stream());
      }
      Begin(rest);
    }
    const size_t passing = std::min(pass_, rest.size());
    at += passing;
    pass_ -= passing;
  }
  const absl::string_view next = bytes.substr(0, at);
  bytes.remove_prefix(at);
  return next;
}

bool EarlyData::IsInQuestion(absl::string_view bytes) const {
  const FrameHead head(bytes);
  return head.type() == FrameHead::kData && head.stream() != last_;
}

void EarlyData::Begin(absl::string_view bytes) {
  const FrameHead head(bytes);
  if (head.type() == FrameHead::kData || head.type() == FrameHead::kHeaders) last_ = head.stream();
  pass_ = FrameHead::kBytes + head.length();
}

}  // namespace singleflight::http2
