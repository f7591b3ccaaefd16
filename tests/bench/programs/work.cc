#include "tests/bench/programs/work.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace singleflight::bench {
namespace {

std::string KeyAt(absl::string_view key, uint64_t i, uint64_t count) {
  return count == 1 ? std::string(key) : absl::StrCat(key, "-", i);
}

}  // namespace

Requests::Requests(absl::string_view key, uint32_t message_bytes, uint64_t count) {
  SF_CHECK(count > 0 && KeyBytes(key, count) <= message_bytes);
  framed_.reserve(count);
  const std::string padding = Pattern(message_bytes);
  for (uint64_t i = 0; i < count; ++i) {
    std::string message = padding;
    const std::string own = KeyAt(key, i, count);
    std::copy(own.begin(), own.end(), message.begin());
    framed_.push_back(Framed(message));
  }
}

uint64_t Requests::KeyBytes(absl::string_view key, uint64_t count) {
  return KeyAt(key, count - 1, count).size();
}

}  // namespace singleflight::bench
