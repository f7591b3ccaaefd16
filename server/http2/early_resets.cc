#include "server/http2/early_resets.h"

#include <algorithm>
#include <utility>

namespace singleflight::http2 {
namespace {

// RFC 9113 §4.1, §6.2, §6.4
constexpr size_t kHead = 9;
constexpr size_t kReset = kHead + 4;
constexpr uint8_t kHeadersType = 1, kResetType = 3;

uint32_t Number(absl::string_view bytes) {
  uint32_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

uint32_t Length(absl::string_view head) { return Number(head.substr(0, 3)); }
uint8_t Type(absl::string_view head) { return static_cast<uint8_t>(head[3]); }
uint32_t StreamOf(absl::string_view head) { return Number(head.substr(5, 4)) & 0x7fffffff; }

bool IsReset(absl::string_view head) {
  return Type(head) == kResetType && Length(head) == kReset - kHead;
}

// How much of a frame has to be there to judge it.
size_t Needed(absl::string_view head) {
  return head.size() >= kHead && IsReset(head) ? kReset : kHead;
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

bool EarlyResets::IsEarly(absl::string_view head) const {
  return IsReset(head) && StreamOf(head) % 2 == 1 && StreamOf(head) > last_begun_;
}

void EarlyResets::Begin(absl::string_view head) {
  if (Type(head) == kHeadersType) last_begun_ = std::max(last_begun_, StreamOf(head));
  pass_ = kHead + Length(head);
}

}  // namespace singleflight::http2
