// A perfect hash of the known names: length, first, middle and last character tell any two of them
// apart. The compiler finds the factor that spreads them over the slots; a list for which there is
// none does not compile.

#include "server/model/known_names.h"

#include <array>

namespace singleflight::model {
namespace {

constexpr int kSlotBits = 9;
using Slots = std::array<uint8_t, size_t{1} << kSlotBits>;
static_assert(kKnownNameCount < 255, "an index has to fit a slot");

// `name` is not empty.
constexpr uint32_t Sketch(absl::string_view name) {
  const auto at = [name](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(name[i])); };
  return static_cast<uint32_t>(name.size()) << 24 | at(0) << 16 | at(name.size() / 2) << 8 |
         at(name.size() - 1);
}

constexpr size_t SlotOf(absl::string_view name, uint32_t factor) {
  return (Sketch(name) * factor) >> (32 - kSlotBits);
}

// False: two names would share a slot.
constexpr bool Fill(uint32_t factor, Slots* slots) {
  slots->fill(kKnownNameCount);
  for (size_t i = 0; i < kKnownNameCount; ++i) {
    uint8_t& slot = (*slots)[SlotOf(kKnownNames[i].name, factor)];
    if (slot != kKnownNameCount) return false;
    slot = static_cast<uint8_t>(i);
  }
  return true;
}

consteval uint32_t FindFactor() {
  Slots slots{};
  uint32_t factor = 0x9e3779b1;
  while (!Fill(factor, &slots)) factor += 0x3c6ef372;
  return factor;
}

consteval Slots Filled(uint32_t factor) {
  Slots slots{};
  Fill(factor, &slots);
  return slots;
}

constexpr uint32_t kFactor = FindFactor();
constexpr Slots kSlots = Filled(kFactor);

}  // namespace

size_t FindKnownName(absl::string_view name) {
  if (name.empty()) return kKnownNameCount;
  const size_t index = kSlots[SlotOf(name, kFactor)];
  return index < kKnownNameCount && kKnownNames[index].name == name ? index : kKnownNameCount;
}

}  // namespace singleflight::model
