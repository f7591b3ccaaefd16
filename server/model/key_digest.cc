// Speck64/128, in the names of its paper, and digests as text.

#include "server/model/key_digest.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace singleflight::model {
namespace {

constexpr int kAlpha = 8;
constexpr int kBeta = 3;
constexpr size_t kDigits = 16;

struct Block {
  uint32_t x;
  uint32_t y;
};

Block BlockOf(uint64_t number) {
  return {static_cast<uint32_t>(number >> 32), static_cast<uint32_t>(number)};
}

uint64_t NumberOf(Block block) { return uint64_t{block.x} << 32 | block.y; }

Block Round(Block block, uint32_t key) {
  const uint32_t x = (std::rotr(block.x, kAlpha) + block.y) ^ key;
  return {x, std::rotl(block.y, kBeta) ^ x};
}

Block RoundBack(Block block, uint32_t key) {
  const uint32_t y = std::rotr(block.x ^ block.y, kBeta);
  return {std::rotl((block.x ^ key) - y, kAlpha), y};
}

}  // namespace

std::string ToText(KeyDigest digest) {
  return absl::StrCat(absl::Hex(static_cast<uint64_t>(digest), absl::kZeroPad16));
}

absl::optional<KeyDigest> ParseKeyDigest(absl::string_view text) {
  if (text.size() != kDigits || !std::all_of(text.begin(), text.end(), absl::ascii_isxdigit)) {
    return absl::nullopt;
  }
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + kDigits, number, 16);
  return KeyDigest{number};
}

// The round that a block takes makes the keys of its rounds too, with their numbers as its keys.
KeyDigests::KeyDigests(const Secret& secret) {
  std::array<uint32_t, 3> words = {BlockOf(secret[1]).x, BlockOf(secret[0]).y,
                                   BlockOf(secret[0]).x};
  uint32_t key = BlockOf(secret[1]).y;
  for (uint32_t i = 0; i < kRounds; ++i) {
    round_keys_[i] = key;
    uint32_t& word = words[i % words.size()];
    const Block next = Round({word, key}, i);
    word = next.x;
    key = next.y;
  }
}

KeyDigest KeyDigests::Of(uint64_t hash) const {
  Block block = BlockOf(hash);
  for (const uint32_t key : round_keys_) block = Round(block, key);
  return KeyDigest{NumberOf(block)};
}

uint64_t KeyDigests::HashOf(KeyDigest digest) const {
  Block block = BlockOf(static_cast<uint64_t>(digest));
  for (auto key = round_keys_.rbegin(); key != round_keys_.rend(); ++key) {
    block = RoundBack(block, *key);
  }
  return NumberOf(block);
}

}  // namespace singleflight::model
