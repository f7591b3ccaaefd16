#include "server/core/gathered.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace singleflight::core {
namespace {

// Gathers `whole` in pieces of `piece` bytes, as a peer sends it that announces its end.
Gathered Gather(const std::string& whole, size_t piece) {
  Gathered gathered;
  for (size_t at = 0; at < whole.size(); at += piece) {
    const size_t size = std::min(piece, whole.size() - at);
    gathered.Append(absl::string_view(whole).substr(at, size), whole.size() - at - size);
  }
  return gathered;
}

TEST(GatheredTest, WhatComesInPiecesLiesEndToEnd) {
  std::string whole;
  for (int i = 0; i < 100'000; ++i) whole.push_back(static_cast<char>(i * 7));
  for (const size_t piece : {1u, 9u, 16'384u, 100'000u}) {
    EXPECT_EQ(Gather(whole, piece).view(), whole) << piece;
  }
}

TEST(GatheredTest, AWholeMessageTakesItsBytesAndNoMore) {
  for (const size_t size : {100u, 4101u, 65'541u, 1'048'581u}) {
    for (const size_t piece : {1000u, 16'384u}) {
      const Gathered gathered = Gather(std::string(size, 'x'), piece);
      EXPECT_EQ(gathered.footprint(), base::BlockBytes(size + 1)) << size << " by " << piece;
    }
  }
}

// PITFALLS 29
TEST(GatheredTest, WhatIsAnnouncedAndDoesNotComeTakesNothing) {
  Gathered gathered;
  gathered.Append(std::string(1000, 'x'), 4'000'000'000);
  EXPECT_LE(gathered.footprint(), 1280u);
  gathered.Append(std::string(1000, 'x'), 4'000'000'000);
  EXPECT_LE(gathered.footprint(), 2560u);
}

TEST(GatheredTest, MoreThanWasAnnouncedIsTakenAsWell) {
  Gathered gathered;
  for (int i = 0; i < 1000; ++i) gathered.Append("and more ", 0);
  EXPECT_EQ(gathered.size(), 9000u);
}

TEST(GatheredTest, NothingIsLeftOfWhatWasTaken) {
  Gathered gathered = Gather(std::string(1000, 'x'), 100);
  EXPECT_EQ(gathered.Take(), std::string(1000, 'x'));
  EXPECT_TRUE(gathered.empty());
  EXPECT_EQ(gathered.footprint(), 0u);
}

}  // namespace
}  // namespace singleflight::core
