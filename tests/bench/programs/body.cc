#include "tests/bench/programs/body.h"

#include <algorithm>

namespace singleflight::bench {
namespace {

constexpr int kPrefixBytes = 5;

}  // namespace

std::string Framed(absl::string_view message) {
  std::string framed(kPrefixBytes, '\0');
  for (int i = 1; i < kPrefixBytes; ++i) {
    framed[i] = static_cast<char>(message.size() >> (8 * (kPrefixBytes - 1 - i)));
  }
  framed.append(message.data(), message.size());
  return framed;
}

std::string Pattern(size_t size) {
  std::string message(size, '\0');
  for (size_t i = 0; i < size; ++i) message[i] = static_cast<char>(i * 31 + 7);
  return message;
}

absl::string_view Body::Front(size_t max) const {
  const uint64_t size = std::min<uint64_t>({max, framed_.size() - at_, left_});
  return framed_.substr(at_, size);
}

void Body::Skip(size_t size) {
  at_ += size;
  if (at_ == framed_.size()) {
    at_ = 0;
    ++messages_;
  }
  if (left_ != kEndless) left_ -= size;
}

bool Body::Take(absl::string_view bytes) {
  while (!bytes.empty()) {
    const absl::string_view expected = Front(bytes.size());
    if (expected.empty() || bytes.substr(0, expected.size()) != expected) return false;
    Skip(expected.size());
    bytes.remove_prefix(expected.size());
  }
  return true;
}

void MessageCounter::Add(absl::string_view bytes) {
  while (!bytes.empty()) {
    if (message_left_ > 0) {
      const size_t size = std::min<size_t>(message_left_, bytes.size());
      message_left_ -= static_cast<uint32_t>(size);
      bytes.remove_prefix(size);
      continue;
    }
    length_ = length_ << 8 | static_cast<uint8_t>(bytes[0]);
    bytes.remove_prefix(1);
    if (++prefix_seen_ < kPrefixBytes) continue;
    message_left_ = length_;  // the compression flag has been shifted out
    length_ = 0;
    prefix_seen_ = 0;
    ++count_;
  }
}

}  // namespace singleflight::bench
