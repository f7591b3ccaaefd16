// Whatever callers, loops and upstream do, and in whatever order.

#include "tests/core/collapse_steps.h"

namespace singleflight::core {
namespace {

class RandomTest : public CollapseSteps {
 protected:
  // Everything has happened often, or the test shows less than it says.
  void Run(int steps, uint64_t seed) {
    TakeSteps(steps, RandomChooser(seed));
    Finish();
    for (int often : {left_, left_too_late_, took_over_, released_, replies_[0], replies_[1]}) {
      EXPECT_GT(often, 100);
    }
    EXPECT_GT(metrics().superseded.value(), 100);
    EXPECT_GT(upstream_.resent(), 100);
  }
};

TEST_F(RandomTest, EveryCallerHearsExactlyOneThingAndNothingIsLeft) {
  collapse_->max_waiters = 4;
  collapse_->max_reply_bytes = 1000;
  Run(100'000, 7);
}

TEST_F(RandomTest, TheSameHoldsWhenAbandonedFlightsFinish) {
  collapse_->on_abandon = OnAbandon::kComplete;
  collapse_->max_join_age = absl::Milliseconds(200);
  max_flights_ = 6;
  max_held_bytes_ = 8000;
  Run(100'000, 8);
}

}  // namespace
}  // namespace singleflight::core
