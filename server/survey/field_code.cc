#include "server/survey/field_code.h"

#include <bit>

namespace singleflight::survey {
namespace {

constexpr int kNumberBits = 5;
constexpr int kGroupBits = kNumberBits + 1;
constexpr uint64_t kMoreFollow = 1 << kNumberBits;

}  // namespace

absl::optional<FieldCode> FieldCode::Inner(uint32_t number) const {
  const int groups = (std::bit_width(number) + kNumberBits - 1) / kNumberBits;
  if (std::bit_width(bits_) + groups * kGroupBits > 64) return absl::nullopt;
  FieldCode inner = *this;
  for (int group = groups - 1; group >= 0; --group) {
    const uint64_t part = number >> (group * kNumberBits) & (kMoreFollow - 1);
    inner.bits_ = inner.bits_ << kGroupBits | (group > 0 ? kMoreFollow : 0) | part;
  }
  return inner;
}

model::FieldPath FieldCode::Path() const {
  model::FieldPath path;
  uint32_t number = 0;
  for (int at = std::bit_width(bits_) - 1 - kGroupBits; at >= 0; at -= kGroupBits) {
    const uint64_t group = bits_ >> at;
    number = number << kNumberBits | static_cast<uint32_t>(group & (kMoreFollow - 1));
    if ((group & kMoreFollow) != 0) continue;
    path.push_back(number);
    number = 0;
  }
  return path;
}

}  // namespace singleflight::survey
