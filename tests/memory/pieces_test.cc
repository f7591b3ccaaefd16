#include "server/memory/pieces.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace singleflight::memory {
namespace {

class PiecesTest : public ::testing::Test {
 protected:
  ~PiecesTest() override { EXPECT_EQ(Held(), 0); }

  int64_t Held() const { return budget_.bytes() + buffered_.untold(); }

  BufferBudget budget_{1 << 20};
  Buffered buffered_{budget_};
};

TEST_F(PiecesTest, OnePieceTakesWhatItNeeds) {
  Pieces pieces(buffered_);
  const base::Slice only = pieces.Copy(std::string(1000, 'x'));
  EXPECT_EQ(only.view(), std::string(1000, 'x'));
  EXPECT_GE(Held(), 1000);
  EXPECT_LE(Held(), 1000 + 128);
}

// PITFALLS 14
TEST_F(PiecesTest, WhatComesByteByByteTakesLittleMoreThanItsBytes) {
  Pieces pieces(buffered_);
  std::vector<base::Slice> waiting;
  std::string said, kept;
  for (int i = 0; i < 100000; ++i) {
    said.push_back(static_cast<char>(i));
    const base::Slice piece = pieces.Copy(absl::string_view(&said.back(), 1));
    if (waiting.empty() || !waiting.back().Join(piece)) waiting.push_back(piece);
  }
  EXPECT_LE(Held(), 100000 + 8192);
  EXPECT_LE(waiting.size(), 40u);
  for (const base::Slice& slice : waiting) kept += std::string(slice.view());
  EXPECT_EQ(kept, said);
}

TEST_F(PiecesTest, MemoryThatNobodyReadsAnyMoreIsUsedAgain) {
  Pieces pieces(buffered_);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(pieces.Copy("a small message").view().size(), 15u);
  EXPECT_LE(Held(), 4096);
}

TEST_F(PiecesTest, WhatIsStillReadIsNotWrittenOver) {
  Pieces pieces(buffered_);
  pieces.Copy("first");
  const base::Slice kept = pieces.Copy("second");
  for (int i = 0; i < 1000; ++i) pieces.Copy("others");
  EXPECT_EQ(kept.view(), "second");
}

TEST_F(PiecesTest, ALargePieceIsKeptNoLongerThanItIsRead) {
  Pieces pieces(buffered_);
  pieces.Copy("small");
  pieces.Copy(std::string(100 << 10, 'x'));
  EXPECT_LE(Held(), 4096);
}

}  // namespace
}  // namespace singleflight::memory
