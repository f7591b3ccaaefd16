// Whatever callers, upstream and purges do, and in whatever order.

#include "tests/core/cache_steps.h"
#include "tests/testing/steps_of_one_thread.h"

namespace singleflight::core {
namespace {

class CacheRandomTest : public CacheSteps {
 protected:
  // Everything has happened often, or the test shows less than it says.
  void Run(int steps) {
    TakeSteps(steps, RandomChooser(7));
    Finish();
    for (const auto why :
         {cache::Refusal::kStatus, cache::Refusal::kNoStore, cache::Refusal::kPrivate,
          cache::Refusal::kTooLarge, cache::Refusal::kPurged}) {
      EXPECT_GT(Refused(why), 100) << static_cast<int>(why);
    }
    EXPECT_GT(Refused(cache::Refusal::kSuperseded), 20);
    for (const auto why : {cache::Gone::kCapacity, cache::Gone::kExpired, cache::Gone::kPurged}) {
      EXPECT_GT(GoneBy(why), 100) << static_cast<int>(why);
    }
    for (const Answer::Source source : {Answer::Source::kHit, Answer::Source::kStored,
                                        Answer::Source::kForwarded, Answer::Source::kOwn}) {
      EXPECT_GT(heard_[static_cast<size_t>(source)], 100) << static_cast<int>(source);
    }
    EXPECT_GT(left_, 100);
  }
};

TEST_F(CacheRandomTest, NobodyGetsWhatWasAskedBeforeAPurgeThatHadReturnedWhenHeAsked) {
  Run(singleflight::testing::StepsOfOneThread(1'000'000));
  EXPECT_GT(heard_[static_cast<size_t>(Answer::Source::kCollapsed)], 100);
}

TEST_F(CacheRandomTest, TheSameHoldsWhenAbandonedFlightsFinish) {
  collapse_->on_abandon = OnAbandon::kComplete;
  Run(200'000);
}

TEST_F(CacheRandomTest, TheSameHoldsWhereCallsDoNotCollapse) {
  collapse_.reset();
  Run(200'000);
  EXPECT_GT(GoneBy(cache::Gone::kReplaced), 100);
}

}  // namespace
}  // namespace singleflight::core
