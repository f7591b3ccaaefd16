// How a key is shown: in answers of the admin service, in the access log. A hash says how to make
// keys that collide in it, so it is given to nobody; what is shown is its digest, from which only
// this process finds the hash again. Equal keys have equal digests wherever they are shown, and
// as long as the process lives.
//
// Digest and hash are each other's by a permutation of all numbers of 64 bits that a secret
// chooses: the block cipher Speck64/128 (Beaulieu and others, 2013), by which digests, however
// many, say nothing of a hash. It is computed where something is shown or ordered, and never for a
// call of which nothing is written.

#ifndef SINGLEFLIGHT_SERVER_MODEL_KEY_DIGEST_H_
#define SINGLEFLIGHT_SERVER_MODEL_KEY_DIGEST_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::model {

// A type of its own, so that nobody shows a hash for it.
enum class KeyDigest : uint64_t {};

// 16 hexadecimal digits.
std::string ToText(KeyDigest digest);

// Of these digits only; nothing: it is no digest.
absl::optional<KeyDigest> ParseKeyDigest(absl::string_view text);

// The digests of one process.
//
// Threads: constant after construction.
class KeyDigests {
 public:
  // Of 128 bits, drawn by themselves: nothing else is derived from them, nor they from anything.
  using Secret = std::array<uint64_t, 2>;

  explicit KeyDigests(const Secret& secret);

  KeyDigest Of(uint64_t hash) const;
  uint64_t HashOf(KeyDigest digest) const;

 private:
  static constexpr int kRounds = 27;
  std::array<uint32_t, kRounds> round_keys_;
};

}  // namespace singleflight::model

#endif  // SINGLEFLIGHT_SERVER_MODEL_KEY_DIGEST_H_
