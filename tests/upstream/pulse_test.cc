// When a connection's peer is asked whether it lives, and when it is given up. Time stands still
// until told.

#include "server/upstream/pulse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "tests/core/fakes.h"

namespace singleflight::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

// A peer that answers PINGs as long as it lives, and calls when told.
class PulseTest : public ::testing::Test, public PulsePeer {
 protected:
  void Begin(const PulseOptions& options) { pulse_.emplace(loop_, options, *this); }
  void Call() {
    pulse_->OnCall();
    ++calls_;
  }
  void EndCall() { --calls_; }

  void Hear() { heard_.at = loop_.Now(); }
  void HearReply() {
    Hear();
    ++heard_.replies;
  }

  // Steps in which timers ring when they should.
  void Pass(absl::Duration time) {
    constexpr absl::Duration kStep = absl::Milliseconds(100);
    for (; time > absl::ZeroDuration(); time -= kStep) {
      const bool answers = std::exchange(acknowledge_, false);
      loop_.AdvanceTo(base::After(loop_.Now(), kStep));
      if (answers) Hear();
    }
  }

  // The turns of the loop that follow a timer that has rung.
  void Turn() { loop_.AdvanceTo(loop_.Now() + std::chrono::milliseconds(20)); }

  // What a gRPC server counts that has nothing to say meanwhile.
  int Strikes() const {
    int strikes = 0;
    for (size_t i = 1; i < pings_.size(); ++i) {
      if (pings_[i] - pings_[i - 1] < absl::Minutes(5)) ++strikes;
    }
    return strikes;
  }

  PulseTest() { Begin({absl::Seconds(5), absl::Seconds(5)}); }

  core::FakeLoop loop_{0};
  bool lives_ = true;
  bool silent_ = false;
  std::vector<absl::Duration> pings_;  // since the test began

 private:
  Heard heard() const override { return heard_; }
  size_t calls() const override { return calls_; }
  void SendPing() override {
    pings_.push_back(absl::FromChrono(loop_.Now() - began_));
    acknowledge_ = lives_;
  }
  void OnSilent() override { silent_ = true; }

  const base::Instant began_ = loop_.Now();
  Heard heard_{began_, 0};
  size_t calls_ = 0;
  bool acknowledge_ = false;

 protected:
  absl::optional<Pulse> pulse_;
};

// PITFALLS 57
TEST_F(PulseTest, APeerThatSaysNothingIsAskedAfterFiveSecondsAndGivenUpAfterTen) {
  lives_ = false;
  Pass(absl::Minutes(1));
  Call();
  Pass(absl::Milliseconds(4900));
  EXPECT_THAT(pings_, IsEmpty());
  EXPECT_FALSE(pulse_->in_doubt());
  Pass(absl::Milliseconds(100));
  EXPECT_THAT(pings_, ElementsAre(absl::Seconds(65)));
  EXPECT_TRUE(pulse_->in_doubt());
  Pass(absl::Milliseconds(4900));
  EXPECT_FALSE(silent_);
  Pass(absl::Milliseconds(100));
  Turn();
  EXPECT_TRUE(silent_);
}

// Timers ring before sockets are read: what came while the process was stopped is seen between.
TEST_F(PulseTest, WhatCameWhileThisProcessWasStoppedIsReadFirst) {
  lives_ = false;
  Call();
  Pass(absl::Seconds(6));
  ASSERT_TRUE(pulse_->in_doubt());
  loop_.AdvanceTo(base::After(loop_.Now(), absl::Milliseconds(4500)));
  loop_.AdvanceTo(loop_.Now() + std::chrono::milliseconds(1));  // in which nothing was heard
  EXPECT_FALSE(silent_);
  Hear();
  Pass(absl::Seconds(1));
  EXPECT_FALSE(silent_);
}

TEST_F(PulseTest, WhateverComesIsAnAnswer) {
  lives_ = false;
  Call();
  Pass(absl::Seconds(6));
  EXPECT_TRUE(pulse_->in_doubt());
  Hear();
  EXPECT_FALSE(pulse_->in_doubt());
  Pass(absl::Seconds(4));
  EXPECT_FALSE(silent_);
}

TEST_F(PulseTest, APeerThatStopsAfterItHasAnsweredIsAskedAgain) {
  Call();
  Pass(absl::Seconds(6));
  lives_ = false;
  Pass(absl::Seconds(10));
  EXPECT_TRUE(silent_);
}

TEST_F(PulseTest, WhileSomethingComesNobodyIsAsked) {
  Call();
  for (int i = 0; i < 100; ++i) {
    Pass(absl::Seconds(4));
    Hear();
  }
  EXPECT_THAT(pings_, IsEmpty());
}

TEST_F(PulseTest, WithoutACallNobodyIsAsked) {
  Call();
  EndCall();
  Pass(absl::Hours(1));
  EXPECT_THAT(pings_, IsEmpty());
}

TEST_F(PulseTest, ACallOnAConnectionThatWasIdleWaitsItsOwnFiveSeconds) {
  Call();
  Pass(absl::Milliseconds(100));
  HearReply();
  EndCall();
  Pass(absl::Hours(1));
  Call();
  Pass(absl::Milliseconds(4900));
  EXPECT_THAT(pings_, IsEmpty());
}

// One that takes a second each would otherwise hide it for ever.
TEST_F(PulseTest, CallsThatGiveUpOneAfterTheOtherDoNotHideASilentPeer) {
  lives_ = false;
  for (int i = 0; i < 10; ++i) {
    Call();
    Pass(absl::Milliseconds(500));
    EndCall();
    Pass(absl::Milliseconds(500));
  }
  EXPECT_THAT(pings_, ElementsAre(Le(absl::Milliseconds(6100))));
  Pass(absl::Seconds(2));
  EXPECT_TRUE(silent_);
}

TEST_F(PulseTest, ACallThatIsNotAnsweredForHoursCostsNoMoreThanTwoStrikes) {
  Call();
  Pass(absl::Hours(3));
  EXPECT_LE(Strikes(), 2);
  EXPECT_GE(pings_.size(), 30u);
  EXPECT_FALSE(silent_);
}

TEST_F(PulseTest, CallsThatAreNotAnsweredForHoursCostNoMoreThanTwoStrikes) {
  for (int i = 0; i < 3600; ++i) {
    Call();
    Pass(absl::Seconds(3));
  }
  EXPECT_LE(Strikes(), 2);
  EXPECT_FALSE(silent_);
}

TEST_F(PulseTest, ACallThatBeginsAfterLongSilenceFindsOutInTime) {
  Call();
  Pass(absl::Minutes(1));
  ASSERT_THAT(pings_, SizeIs(2));
  lives_ = false;
  Call();
  Pass(absl::Seconds(10));
  Turn();
  EXPECT_TRUE(silent_);
}

TEST_F(PulseTest, AReplyWipesOutWhatWasSpent) {
  Call();
  Pass(absl::Minutes(1));
  Call();
  Pass(absl::Minutes(1));
  ASSERT_THAT(pings_, SizeIs(3));
  HearReply();
  lives_ = false;
  Pass(absl::Seconds(10));
  Turn();
  EXPECT_TRUE(silent_);
}

TEST_F(PulseTest, PingsAreFiveSecondsApartHoweverSoonTheyAreWanted) {
  Begin({absl::Milliseconds(200), absl::Milliseconds(200)});
  Call();
  Pass(absl::Seconds(6));
  ASSERT_THAT(pings_, SizeIs(2));
  EXPECT_GE(pings_[1] - pings_[0], absl::Seconds(5));
}

TEST_F(PulseTest, APeerThatWasAskedTooOftenIsAskedHalfAsOften) {
  Begin({absl::Seconds(5), absl::Seconds(5), 2});
  Call();
  Pass(absl::Seconds(25));
  EXPECT_THAT(pings_, ElementsAre(absl::Seconds(10), Ge(absl::Seconds(20))));
}

TEST_F(PulseTest, ATimerThatRingsTooLateTellsOfThisProcessAlone) {
  lives_ = false;
  Call();
  Pass(absl::Seconds(6));
  ASSERT_TRUE(pulse_->in_doubt());
  loop_.AdvanceTo(base::After(loop_.Now(), absl::Minutes(1)));
  EXPECT_FALSE(silent_) << "its answer may lie in the socket";
  Pass(absl::Seconds(5));
  Turn();
  EXPECT_TRUE(silent_);
}

}  // namespace
}  // namespace singleflight::upstream
