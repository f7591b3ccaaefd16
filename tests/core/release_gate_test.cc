// PITFALLS 11: a herd that cannot be collapsed neither stampedes nor goes one after the other.

#include "server/core/release_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/core/fakes.h"

namespace singleflight::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A gate for two, and two loops.
class ReleaseGateTest : public ::testing::Test {
 protected:
  void Enter(const std::string& name, size_t loop = 0) {
    gate_.Enter(loops_[loop], [this, name](ReleaseGate::Pass pass) {
      admitted_.push_back(name);
      inside_.emplace(name, std::move(pass));
    });
  }
  void Leave(const std::string& name) {
    inside_.erase(name);
    Settle();
  }
  void Settle() {
    while (loops_[0].RunAll() || loops_[1].RunAll()) {
    }
  }

  // However a test went, the gate has room for two when all are out, and nobody waits.
  void TearDown() override {
    for (FakeLoop& loop : loops_) loop.Stop();
    gate_.Clear();
    inside_.clear();
    admitted_.clear();
    for (const char* name : {"x", "y", "z"}) Enter(name);
    Settle();
    EXPECT_THAT(admitted_, ElementsAre("x", "y"));
    EXPECT_EQ(gate_.queued(), 1);
    gate_.Clear();
    inside_.clear();
  }

  FakeLoop loops_[2]{FakeLoop(0), FakeLoop(1)};
  ReleaseGate gate_{2};
  std::vector<std::string> admitted_;
  std::map<std::string, ReleaseGate::Pass> inside_;
};

TEST_F(ReleaseGateTest, NobodyIsAdmittedBeforeEnterReturns) {
  Enter("a");
  EXPECT_THAT(admitted_, IsEmpty());
  Settle();
  EXPECT_THAT(admitted_, ElementsAre("a"));
}

// PITFALLS 11
TEST_F(ReleaseGateTest, NoMoreThanTheBoundAreInsideAtOnce) {
  for (const char* name : {"a", "b", "c", "d"}) Enter(name);
  Settle();
  EXPECT_EQ(inside_.size(), 2);
  EXPECT_EQ(gate_.queued(), 2);
}

// PITFALLS 11
TEST_F(ReleaseGateTest, WhoeverLeavesLetsTheNextInInOrderOfArrival) {
  for (const char* name : {"a", "b", "c", "d"}) Enter(name);
  Settle();
  Leave("b");
  Leave("a");
  EXPECT_THAT(admitted_, ElementsAre("a", "b", "c", "d"));
}

TEST_F(ReleaseGateTest, EachIsAdmittedOnItsOwnLoop) {
  Enter("a", 1);
  EXPECT_EQ(loops_[0].posted(), 0);
  EXPECT_EQ(loops_[1].posted(), 1);
}

TEST_F(ReleaseGateTest, OneThatNoLongerCaresMakesRoomByDroppingItsPass) {
  gate_.Enter(loops_[0], [](ReleaseGate::Pass) {});
  Enter("a");
  Enter("b");
  Settle();
  EXPECT_THAT(admitted_, ElementsAre("a", "b"));
}

TEST_F(ReleaseGateTest, ALoopThatStopsGivesBackThePassesOnTheirWayToIt) {
  Enter("a", 1);
  Enter("b", 1);
  Enter("c", 0);
  loops_[1].Stop();
  Settle();
  EXPECT_THAT(admitted_, ElementsAre("c"));
}

TEST_F(ReleaseGateTest, AMovedPassIsGivenBackOnce) {
  Enter("a");
  Enter("b");
  Enter("c");
  Settle();
  ReleaseGate::Pass moved = std::move(inside_.at("a"));
  inside_.erase("a");
  Settle();
  EXPECT_THAT(admitted_, ElementsAre("a", "b"));
  moved = ReleaseGate::Pass();
  Settle();
  EXPECT_THAT(admitted_, ElementsAre("a", "b", "c"));
}

TEST_F(ReleaseGateTest, ClearLetsGoOfAllThatWaitOnTheirLoops) {
  const auto held = std::make_shared<int>();
  Enter("a");
  Enter("b");
  gate_.Enter(loops_[1], [held](ReleaseGate::Pass) {});
  gate_.Clear();
  EXPECT_EQ(gate_.queued(), 0);
  EXPECT_EQ(held.use_count(), 2);
  loops_[1].RunAll();
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(ReleaseGateTest, OneThatWaitsMayEnterAgainWhenItIsLetGo) {
  Enter("a");
  Enter("b");
  Enter("c");
  Settle();
  gate_.Clear();
  Leave("a");
  Enter("c");
  Settle();
  EXPECT_THAT(admitted_, ElementsAre("a", "b", "c"));
}

}  // namespace
}  // namespace singleflight::core
