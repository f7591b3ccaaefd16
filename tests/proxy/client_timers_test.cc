// When a client's connection has served no call for too long, or is too old.

#include "server/proxy/client_timers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/fakes.h"

namespace singleflight::proxy::testing {
namespace {

using http2::Bound;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ClientTimersTest : public ::testing::Test, public ClientTimersEvents {
 protected:
  ClientTimersTest() {
    limits_.handshake_timeout = absl::Seconds(10);
    limits_.first_request_timeout = absl::Seconds(60);
    limits_.idle_timeout = absl::Seconds(100);
  }

  void Accept(double age_factor = 1) {
    timers_.emplace(loop_, std::make_shared<const LimitOptions>(limits_), age_factor, *this);
  }

  // As far as a first request that has been answered.
  void Serve() {
    Accept();
    timers_->OnHandshake();
    timers_->OnStream();
    timers_->OnStreamGone();
  }

  void Wait(int seconds) {
    for (int i = 0; i < seconds; ++i) loop_.AdvanceTo(loop_.Now() + std::chrono::seconds(1));
  }

  void OnTimeToDrain(Bound bound) override { drained_.push_back(bound); }
  void OnTimeToClose(Bound bound) override {
    closed_.push_back(bound);
    timers_.reset();
  }

  LimitOptions limits_;
  core::FakeLoop loop_{0};
  std::vector<Bound> drained_, closed_;
  absl::optional<ClientTimers> timers_;
};

TEST_F(ClientTimersTest, AHandshakeThatTakesTooLongEndsTheConnection) {
  Accept();
  Wait(9);
  EXPECT_THAT(closed_, IsEmpty());
  Wait(1);
  EXPECT_THAT(closed_, ElementsAre(Bound::kHandshakeTimeout));
}

TEST_F(ClientTimersTest, AConnectionThatNeverAsksIsDrainedAMinuteAfterItsAccept) {
  Accept();
  Wait(9);
  timers_->OnHandshake();
  Wait(30);
  timers_->OnHandshake();  // further settings
  Wait(20);
  EXPECT_THAT(drained_, IsEmpty());
  Wait(1);
  EXPECT_THAT(drained_, ElementsAre(Bound::kFirstRequestTimeout));
  Wait(1000);
  EXPECT_THAT(closed_, IsEmpty());
}

TEST_F(ClientTimersTest, AnIdleConnectionIsDrained) {
  Serve();
  Wait(99);
  EXPECT_THAT(drained_, IsEmpty());
  Wait(1);
  EXPECT_THAT(drained_, ElementsAre(Bound::kIdleTimeout));
}

TEST_F(ClientTimersTest, AConnectionIsNotIdleWhileItHasAStream) {
  Serve();
  timers_->OnStream();
  timers_->OnStream();
  timers_->OnStreamGone();
  Wait(1000);
  EXPECT_THAT(drained_, IsEmpty());
}

TEST_F(ClientTimersTest, IdleTimeBeginsAnewWithEveryCall) {
  Serve();
  for (int i = 0; i < 5; ++i) {
    Wait(70);
    timers_->OnStream();
    timers_->OnStreamGone();
  }
  EXPECT_THAT(drained_, IsEmpty());
  Wait(99);
  EXPECT_THAT(drained_, IsEmpty());
  Wait(1);
  EXPECT_THAT(drained_, ElementsAre(Bound::kIdleTimeout));
}

TEST_F(ClientTimersTest, AnOldConnectionIsDrainedAndItsCallsHaveAsLongAsTheyTake) {
  limits_.max_connection_age = absl::Seconds(50);
  Serve();
  timers_->OnStream();
  Wait(49);
  EXPECT_THAT(drained_, IsEmpty());
  Wait(1);
  EXPECT_THAT(drained_, ElementsAre(Bound::kConnectionAge));
  Wait(10000);
  EXPECT_THAT(closed_, IsEmpty());
  EXPECT_EQ(drained_.size(), 1u) << "once";
}

TEST_F(ClientTimersTest, CallsOfAnOldConnectionAreCutAfterTheGrace) {
  limits_.max_connection_age = absl::Seconds(50);
  limits_.max_connection_age_grace = absl::Seconds(5);
  Serve();
  timers_->OnStream();
  Wait(54);
  EXPECT_THAT(closed_, IsEmpty());
  Wait(1);
  EXPECT_THAT(closed_, ElementsAre(Bound::kConnectionAgeGrace));
}

TEST_F(ClientTimersTest, TheAgeIsATenthMoreOrLess) {
  limits_.max_connection_age = absl::Seconds(50);
  Accept(1.1);
  timers_->OnHandshake();
  Wait(54);
  EXPECT_THAT(drained_, IsEmpty());
  Wait(1);
  EXPECT_THAT(drained_, ElementsAre(Bound::kConnectionAge));
}

// A client that keeps the round trip of a drain open can begin a call in it.
TEST_F(ClientTimersTest, ACallThatSlippedIntoADrainIsCutAfterTheGraceToo) {
  limits_.max_connection_age = absl::Seconds(200);
  limits_.max_connection_age_grace = absl::Seconds(5);
  Serve();
  Wait(100);
  EXPECT_THAT(drained_, ElementsAre(Bound::kIdleTimeout));
  timers_->OnStream();
  Wait(104);
  EXPECT_THAT(closed_, IsEmpty());
  Wait(1);
  EXPECT_THAT(closed_, ElementsAre(Bound::kConnectionAgeGrace));
  EXPECT_EQ(drained_.size(), 1u);
}

TEST_F(ClientTimersTest, ADrainedConnectionIsNotDrainedAgainForItsAge) {
  limits_.max_connection_age = absl::Seconds(200);
  Serve();
  Wait(1000);
  EXPECT_THAT(drained_, ElementsAre(Bound::kIdleTimeout));
  EXPECT_THAT(closed_, IsEmpty());
}

}  // namespace
}  // namespace singleflight::proxy::testing
