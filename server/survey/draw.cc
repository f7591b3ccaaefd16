#include "server/survey/draw.h"

namespace singleflight::survey {

uint32_t Draw::Weight() {
  if (taken_ < kWhole) {
    ++taken_;
    left_ = 1;
    return 1;
  }
  // Marsaglia's xorshift. From 1 to twice the mean less 1.
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  left_ = 1 + static_cast<uint32_t>((state_ >> 32) % (2 * kOneOf - 1));
  return kOneOf;
}

}  // namespace singleflight::survey
