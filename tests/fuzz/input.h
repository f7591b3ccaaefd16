#ifndef SINGLEFLIGHT_TESTS_FUZZ_INPUT_H_
#define SINGLEFLIGHT_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace singleflight::fuzz {

// The bytes of one run, taken as choices from the front. Where none is left, the choice is the
// first.
class Input {
 public:
  Input(const uint8_t* data, size_t size)
      : left_(reinterpret_cast<const char*>(data), data == nullptr ? 0 : size) {}

  bool empty() const { return left_.empty(); }

  uint8_t Byte() {
    if (left_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(left_.front());
    left_.remove_prefix(1);
    return byte;
  }

  // A number below `n`, which is positive.
  size_t Below(size_t n) {
    size_t number = Byte();
    for (size_t most = 256; most < n; most *= 256) number = number * 256 + Byte();
    return number % n;
  }
  bool Chance() { return (Byte() & 1) != 0; }

  // At most 255 bytes, and their number before them.
  std::string Text() {
    const size_t size = Byte();
    return std::string(Take(size));
  }

  // The next `size` bytes, or what there is.
  absl::string_view Take(size_t size) {
    const absl::string_view taken = left_.substr(0, size);
    left_.remove_prefix(taken.size());
    return taken;
  }
  absl::string_view Rest() { return Take(left_.size()); }

 private:
  absl::string_view left_;
};

}  // namespace singleflight::fuzz

#endif  // SINGLEFLIGHT_TESTS_FUZZ_INPUT_H_
