// What is shown of a key says nothing of its hash, and leads back to it in its own process only.

#include "server/model/key_digest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <set>
#include <vector>

namespace singleflight::model {
namespace {

constexpr KeyDigests::Secret kSecret = {0x1b1a191813121110, 0x0b0a090803020100};

std::vector<uint64_t> Hashes() {
  std::vector<uint64_t> hashes = {0, 1, 2, ~uint64_t{0}};
  std::mt19937_64 random(7);
  while (hashes.size() < 1000) hashes.push_back(random());
  return hashes;
}

// Appendix C of the paper.
TEST(KeyDigestTest, IsTheCipherThatItIsSaidToBe) {
  EXPECT_EQ(ToText(KeyDigests(kSecret).Of(0x3b7265747475432d)), "8c6fa548454e028b");
}

TEST(KeyDigestTest, LeadsBackToItsHash) {
  const KeyDigests digests(kSecret);
  for (const uint64_t hash : Hashes()) EXPECT_EQ(digests.HashOf(digests.Of(hash)), hash);
}

TEST(KeyDigestTest, IsNeverTheHashItselfNorAnotherKeys) {
  const KeyDigests digests(kSecret);
  std::set<KeyDigest> seen;
  for (const uint64_t hash : Hashes()) {
    EXPECT_NE(digests.Of(hash), KeyDigest{hash});
    EXPECT_TRUE(seen.insert(digests.Of(hash)).second);
  }
}

TEST(KeyDigestTest, SaysSomethingElseUnderEveryOtherBitOfTheSecret) {
  std::set<KeyDigest> seen = {KeyDigests(kSecret).Of(42)};
  for (size_t bit = 0; bit < 128; ++bit) {
    KeyDigests::Secret other = kSecret;
    other[bit / 64] ^= uint64_t{1} << bit % 64;
    EXPECT_TRUE(seen.insert(KeyDigests(other).Of(42)).second) << bit;
    EXPECT_NE(KeyDigests(other).HashOf(KeyDigests(kSecret).Of(42)), 42u) << bit;
  }
}

TEST(KeyDigestTest, ABitOfTheHashChangesHalfOfTheDigest) {
  const KeyDigests digests(kSecret);
  int changed = 0;
  for (const uint64_t hash : Hashes()) {
    for (int bit = 0; bit < 64; ++bit) {
      const KeyDigest other = digests.Of(hash ^ uint64_t{1} << bit);
      changed +=
          std::popcount(static_cast<uint64_t>(digests.Of(hash)) ^ static_cast<uint64_t>(other));
    }
  }
  EXPECT_NEAR(changed / 64'000.0, 32, 0.1);
}

TEST(KeyDigestTest, IsWrittenAndReadAsSixteenDigits) {
  EXPECT_EQ(ToText(KeyDigest{0xab}), "00000000000000ab");
  EXPECT_EQ(ParseKeyDigest("0af7651916cd43dd"), KeyDigest{0x0af7651916cd43dd});
  EXPECT_EQ(ParseKeyDigest("0AF7651916CD43DD"), KeyDigest{0x0af7651916cd43dd});
  for (const char* const text : {"", "0af7651916cd43d", "0af7651916cd43dd0", "0x0af7651916cd43",
                                 "-af7651916cd43dd", " af7651916cd43dd", "no digest at all"}) {
    EXPECT_EQ(ParseKeyDigest(text), absl::nullopt) << text;
  }
}

}  // namespace
}  // namespace singleflight::model
