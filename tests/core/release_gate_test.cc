// PITFALLS 11: a herd that cannot be collapsed neither stampedes nor goes one after the other.

#include "server/core/release_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/core/route.h"
#include "tests/core/fakes.h"

namespace singleflight::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kMostWaiting = 100;

// A gate for two, and two loops. A caller without a line of its own stands in that of "a".
class ReleaseGateTest : public ::testing::Test {
 protected:
  void Enter(const std::string& name, size_t loop = 0, uint64_t line = 'a') {
    tickets_[name] = gate_->Enter(line, kMostWaiting, loops_[loop],
                                  [this, name](absl::Duration turn) { Admit(name, turn); });
  }
  // In lines that are called as the first letters of their names are.
  void EnterInLines(const std::vector<std::string>& names) {
    for (const std::string& name : names) Enter(name, 0, static_cast<uint64_t>(name.front()));
    Settle();
  }
  void Leave(const std::string& name) {
    tickets_.erase(name);
    Settle();
  }
  void StandAside(const std::string& name) {
    tickets_.at(name)->StandAside();
    Settle();
  }
  void Settle() {
    while (loops_[0].RunAll() || loops_[1].RunAll()) {
    }
  }

  // However a test went, the gate has room for two when all are out, and nobody waits.
  void TearDown() override {
    for (FakeLoop& loop : loops_) loop.Stop();
    tickets_.clear();
    EXPECT_EQ(gate_->queued(), 0);
    EXPECT_EQ(gate_->inside(), 0);
    admitted_.clear();
    for (const char* name : {"x", "y", "z"}) Enter(name);
    Settle();
    EXPECT_THAT(admitted_, ElementsAre("x", "y"));
    EXPECT_EQ(gate_->queued(), 1);
  }

  FakeLoop loops_[2]{FakeLoop(0), FakeLoop(1)};
  std::shared_ptr<ReleaseGate> gate_ = std::make_shared<ReleaseGate>(2);
  std::vector<std::string> admitted_;
  absl::Duration turn_;  // of the latest
  std::map<std::string, std::unique_ptr<ReleaseGate::Ticket>> tickets_;

 private:
  void Admit(const std::string& name, absl::Duration turn) {
    turn_ = turn;
    if (tickets_.contains(name)) admitted_.push_back(name);
  }
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
  EXPECT_EQ(gate_->inside(), 2);
  EXPECT_EQ(gate_->queued(), 2);
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

// PITFALLS 14
TEST_F(ReleaseGateTest, WhoLeavesIsTakenOutWithAllThatIsHisBeforeItIsHisTurn) {
  const auto his = std::make_shared<int>();
  EnterInLines({"a", "b"});
  auto ticket = gate_->Enter('a', kMostWaiting, loops_[1], [his](absl::Duration) {});
  EXPECT_EQ(gate_->queued(), 1);
  ticket.reset();
  EXPECT_EQ(gate_->queued(), 0);
  EXPECT_EQ(his.use_count(), 1);
}

TEST_F(ReleaseGateTest, OneWhoLeavesWhileHeIsBeingLetInMakesRoom) {
  Enter("a");
  Enter("b");
  Enter("c");
  tickets_.erase("a");  // nothing has run
  Settle();
  EXPECT_THAT(admitted_, ElementsAre("b", "c"));
}

TEST_F(ReleaseGateTest, PlacesOfALoopThatStopsAreGivenBackWithItsTickets) {
  Enter("a", 1);
  Enter("b", 1);
  Enter("c", 0);
  loops_[1].Stop();
  tickets_.erase("a");
  tickets_.erase("b");
  Settle();
  EXPECT_THAT(admitted_, ElementsAre("c"));
}

// The upstream that had the gate is gone with the last call that knew it.
TEST_F(ReleaseGateTest, ATicketOutlivesTheUpstreamThatItIsFor) {
  auto upstream = std::make_shared<UpstreamBounds>("catalog", 1, 1, 1);
  auto inside = upstream->release_gate->Enter(1, 1, loops_[0], [](absl::Duration) {});
  auto waits = upstream->release_gate->Enter(1, 1, loops_[1], [](absl::Duration) {});
  upstream.reset();
  inside.reset();
  Settle();
  waits.reset();
}

// PITFALLS 14
TEST_F(ReleaseGateTest, NoMoreThanSoManyWaitInALine) {
  EnterInLines({"a", "b"});
  const auto enter = [&](uint64_t line) {
    return gate_->Enter(line, 2, loops_[0], [](absl::Duration) {});
  };
  const auto first = enter('a'), second = enter('a');
  ASSERT_TRUE(first && second);
  EXPECT_EQ(enter('a'), nullptr);
  EXPECT_NE(enter('b'), nullptr);
  EXPECT_EQ(gate_->queued(), 2) << "who was refused has left nothing";
}

// Lines.

TEST_F(ReleaseGateTest, LinesTakeTurnsHoweverLongTheyAre) {
  EnterInLines({"a1", "a2", "a3", "a4", "b1", "b2"});
  Leave("a1");
  Leave("a2");
  EXPECT_THAT(admitted_, ElementsAre("a1", "a2", "b1", "a3"));
}

TEST_F(ReleaseGateTest, TheLineWithTheFewestInsideIsNext) {
  gate_->SetRoom(3);
  EnterInLines({"a1", "a2", "b1", "a3", "b2"});
  Leave("b1");
  EXPECT_EQ(admitted_.back(), "b2") << "a3 came before, and two of its line are inside";
  Leave("b2");
  EXPECT_EQ(admitted_.back(), "a3");
  gate_->SetRoom(2);
}

TEST_F(ReleaseGateTest, CallsThatHangHoldUpTheirOwnLineAlone) {
  EnterInLines({"a1", "a2", "a3", "b1", "b2"});
  StandAside("a1");
  StandAside("a2");
  EXPECT_THAT(admitted_, ElementsAre("a1", "a2", "b1", "b2"));
  Leave("b1");
  Leave("b2");
  EXPECT_EQ(admitted_.size(), 4) << "two of its line are inside still";
  Leave("a2");
  EXPECT_EQ(admitted_.back(), "a3");
}

TEST_F(ReleaseGateTest, WhoStoodAsideGivesBackNoPlaceWhenHeLeaves) {
  EnterInLines({"a1", "b1", "c1", "d1"});
  StandAside("a1");
  Leave("a1");
  EXPECT_THAT(admitted_, ElementsAre("a1", "b1", "c1"));
}

TEST_F(ReleaseGateTest, APlaceIsOnesOwnForLessWhereMoreLinesWait) {
  EnterInLines({"a1", "b1"});
  EXPECT_EQ(turn_, absl::Seconds(1));
  EnterInLines({"c1", "d1", "e1", "f1"});
  Leave("a1");
  EXPECT_EQ(turn_, absl::Milliseconds(500));
}

TEST_F(ReleaseGateTest, APlaceIsOnesOwnForATenthOfASecondAtLeast) {
  EnterInLines({"a1", "b1"});
  for (char line = 'A'; line <= 'Z'; ++line) EnterInLines({std::string(1, line)});
  Leave("a1");
  EXPECT_EQ(turn_, absl::Milliseconds(100));
}

TEST_F(ReleaseGateTest, MoreRoomLetsInWhoWaits) {
  EnterInLines({"a1", "a2", "a3", "a4", "a5"});
  gate_->SetRoom(4);
  Settle();
  EXPECT_THAT(admitted_, ElementsAre("a1", "a2", "a3", "a4"));
  gate_->SetRoom(2);
}

}  // namespace
}  // namespace singleflight::core
