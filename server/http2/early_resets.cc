#include "server/http2/early_resets.h"

#include <algorithm>
#include <utility>

#include "server/http2/frame_head.h"

namespace singleflight::http2 {
namespace {

constexpr size_t kReset = FrameHead::kBytes + 4;  // RFC 9113 §6.4

bool IsReset(absl::string_view bytes) {
  const FrameHead head(bytes);
  return head.type() == FrameHead::kReset && head.length() == kReset - FrameHead::kBytes;
}

// How much of a frame has to be there to judge it.
size_t Needed(absl::string_view bytes) {
  return bytes.size() >= FrameHead::kBytes && IsReset(bytes) ? kReset : FrameHead::kBytes;
}

}  // namespace

absl::string_view EarlyResets::Next(absl::string_view& bytes) {
  if (!held_.empty()) {
    if (!Complete(bytes)) return {};
    head_ = std::exchange(held_, "");
    if (!IsEarly(head_)) {
      Begin(head_);
      pass_ -= head_.size();
      return head_;
    }
    ++count_;
  }
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t passing = std::min(pass_, bytes.size() - at);
    at += passing;
    pass_ -= passing;
    const absl::string_view rest = bytes.substr(at);
    if (rest.empty()) break;
    const bool whole = rest.size() >= Needed(rest);
    if (whole && !IsEarly(rest)) {
      Begin(rest);
      continue;
    }
    const absl::string_view before = bytes.substr(0, at);
    if (!whole) held_ = std::string(rest);
    if (whole) ++count_;
    bytes.remove_prefix(whole ? at + kReset : bytes.size());
    return before;
  }
  return std::exchange(bytes, {});
}

// Moves bytes to `held_` until the frame can be judged; false: there are too few.
bool EarlyResets::Complete(absl::string_view& bytes) {
  while (held_.size() < Needed(held_)) {
    const size_t more = std::min(Needed(held_) - held_.size(), bytes.size());
    if (more == 0) return false;
    held_.append(bytes.data(), more);
    bytes.remove_prefix(more);
  }
  return true;
}

// Within a header block it is no matter of a stream: no frame but CONTINUATION may come there.
bool EarlyResets::IsEarly(absl::string_view bytes) const {
  if (in_block_ || !IsReset(bytes)) return false;
  const uint32_t stream = FrameHead(bytes).stream();
  return stream % 2 == 1 && stream > last_begun_;
}

void EarlyResets::Begin(absl::string_view bytes) {
  const FrameHead head(bytes);
  if (head.type() == FrameHead::kHeaders) last_begun_ = std::max(last_begun_, head.stream());
  in_block_ = head.OpensBlock() || (in_block_ && head.type() == FrameHead::kContinuation &&
                                    !head.Has(FrameHead::kEndHeaders));
  pass_ = FrameHead::kBytes + head.length();
}

}  // namespace singleflight::http2
