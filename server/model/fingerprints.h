// Gives numbers to the fingerprints of key policies and of connections' trust, so that keys need
// not carry them whole. The same bytes have the same number, different bytes have different
// numbers. It lives as long as any key that was made with one of its numbers, and holds one
// fingerprint for each route and each client CA that there ever was.
//
// Threads: none of its own; policies are made by one.

#ifndef SINGLEFLIGHT_SERVER_MODEL_FINGERPRINTS_H_
#define SINGLEFLIGHT_SERVER_MODEL_FINGERPRINTS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace singleflight::model {

class Fingerprints {
 public:
  // Never 0.
  uint32_t NumberOf(absl::string_view fingerprint);

  // Of all of them.
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0;
  absl::flat_hash_map<std::string, uint32_t> numbers_;
};

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_FINGERPRINTS_H_
