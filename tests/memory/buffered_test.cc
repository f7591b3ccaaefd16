// What the process holds for calls.

#include "server/memory/buffered.h"

#include <gtest/gtest.h>

namespace singleflight::memory {
namespace {

class BufferedTest : public ::testing::Test {
 protected:
  int64_t Held() const { return budget_.bytes() + buffered_.untold(); }

  BufferBudget budget_{100 << 10};
  Buffered buffered_{budget_};
};

TEST_F(BufferedTest, AChunkCountsUntilItsLastReaderLetsGo) {
  base::Slice first = buffered_.Hold("kettle");
  const base::Slice second = first;
  EXPECT_EQ(first.view(), "kettle");
  const int64_t held = Held();
  EXPECT_GE(held, 6);
  first = base::Slice();
  EXPECT_EQ(Held(), held);
}

TEST_F(BufferedTest, NothingIsLeftWhenAllHaveGone) {
  { const base::Slice chunk = buffered_.Hold(std::string(1 << 20, 'x')); }
  EXPECT_EQ(Held(), 0);
}

TEST_F(BufferedTest, APartCountsWhatItIsSetToAsLongAsItLives) {
  {
    Buffered::Part part(buffered_, 100);
    EXPECT_EQ(Held(), 100);
    part.Set(300);
    EXPECT_EQ(Held(), 300);
  }
  EXPECT_EQ(Held(), 0);
}

TEST_F(BufferedTest, AChunkCountsTheMemoryThatItsBytesHaveNotTheirNumberAlone) {
  std::string bytes(5, 'x');
  bytes.reserve(10'000);
  const base::Slice chunk = buffered_.Hold(std::move(bytes));
  EXPECT_GE(Held(), 10'000);
}

TEST_F(BufferedTest, SmallStepsAreToldTogether) {
  buffered_.Add(1000);
  EXPECT_EQ(budget_.bytes(), 0);
  buffered_.Add(64 << 10);
  EXPECT_EQ(budget_.bytes(), 1000 + (64 << 10));
  buffered_.Add(-Held());
  EXPECT_EQ(Held(), 0);
}

TEST_F(BufferedTest, TheBudgetIsSpentPastItsBoundWhichMayMove) {
  buffered_.Add(100 << 10);
  EXPECT_FALSE(budget_.spent());
  budget_.Add(1);
  EXPECT_TRUE(budget_.spent());
  budget_.set_max(1 << 20);
  EXPECT_FALSE(budget_.spent());
}

TEST(BufferBudgetTest, ALoopThatEndsLeavesNothingUntold) {
  BufferBudget budget(1 << 20);
  { Buffered(budget).Add(10); }
  EXPECT_EQ(budget.bytes(), 10);
}

TEST(BufferBudgetTest, TheLastQuarterIsForClientsThatHaveNoMoreThanHalf) {
  BufferBudget budget(1000);
  Client greedy, modest;
  budget.Add(751);
  greedy.buffered = 501;
  modest.buffered = 250;
  EXPECT_TRUE(budget.PastShare(&greedy));
  EXPECT_FALSE(budget.PastShare(&modest));
  EXPECT_FALSE(budget.PastShare(nullptr));
  greedy.buffered = 500;
  EXPECT_FALSE(budget.PastShare(&greedy));
  greedy.buffered = 750;
  budget.Add(-1);
  EXPECT_FALSE(budget.PastShare(&greedy)) << "nobody else wants it";
}

}  // namespace
}  // namespace singleflight::memory
