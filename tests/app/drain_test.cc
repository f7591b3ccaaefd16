// How the process ends, step by step: signals are real, and those that serve are a fake.

#include "server/app/drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

namespace singleflight::app {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

class DrainTest : public ::testing::Test {
 protected:
  // Serves until the control loop is stopped. Returns the exit status.
  int Run() {
    drain_.AwaitSignal();
    control_.run();
    return drain_.exit_status();
  }

  Drain::Hooks Hooks() {
    return {[this] { Note("begin"); }, [this] { return left_; },
            [this] {
              if (left_ > 0 && counts_until_one_ends_ > 0 && --counts_until_one_ends_ == 0) --left_;
              return left_ == 0;
            },
            [this] {
              Note("cut off");
              if (cut_off_ends_them_) left_ = 0;
            },
            [this](int status) {
              Note("abort " + std::to_string(status));
              control_.stop();
            }};
  }
  void Note(const std::string& step) {
    steps_.push_back(step);
    if (step == raise_at_) std::raise(SIGINT);
  }

  std::vector<std::string> steps_;
  std::string raise_at_;
  int64_t left_ = 1;
  int counts_until_one_ends_ = 0;  // 0: none ends by itself
  bool cut_off_ends_them_ = true;
  boost::asio::io_context control_;
  Drain drain_{control_, absl::UnixEpoch, Hooks(), Drain::Pace{milliseconds(1), milliseconds(1)}};
};

TEST_F(DrainTest, WhereNobodyIsConnectedTheEndComesImmediately) {
  drain_.set_timeout(absl::Hours(1));
  left_ = 0;
  std::raise(SIGTERM);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(steps_, ElementsAre("begin"));
}

TEST_F(DrainTest, TheLastConnectionThatEndsInTimeIsTheEnd) {
  drain_.set_timeout(absl::Hours(1));
  counts_until_one_ends_ = 3;
  std::raise(SIGINT);
  EXPECT_EQ(Run(), 0);
  EXPECT_THAT(steps_, ElementsAre("begin"));
  EXPECT_EQ(counts_until_one_ends_, 0);
}

TEST_F(DrainTest, ConnectionsThatOutlastTheTimeoutAreCutOffAndTheStatusSaysSo) {
  drain_.set_timeout(absl::Milliseconds(2));
  std::raise(SIGTERM);
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(steps_, ElementsAre("begin", "cut off"));
}

TEST_F(DrainTest, AConnectionThatStaysAlthoughItIsCutOffDoesNotHoldUpTheEnd) {
  drain_.set_timeout(absl::ZeroDuration());
  cut_off_ends_them_ = false;
  std::raise(SIGTERM);
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(steps_, ElementsAre("begin", "cut off"));
}

TEST_F(DrainTest, ASecondSignalEndsTheProcessWithItsNumber) {
  drain_.set_timeout(absl::Hours(1));
  raise_at_ = "begin";
  std::raise(SIGTERM);
  Run();
  EXPECT_THAT(steps_, ElementsAre("begin", "abort 130"));
}

TEST_F(DrainTest, ASignalBeforeAnybodyWaitsForItIsNotLost) {
  std::raise(SIGTERM);
  EXPECT_FALSE(drain_.draining());
  left_ = 0;
  Run();
  EXPECT_TRUE(drain_.draining());
}

TEST_F(DrainTest, PeopleAreToldWhatIsLeftAndUntilWhen) {
  drain_.set_timeout(absl::Seconds(25));
  raise_at_ = "begin";
  left_ = 3;
  std::raise(SIGTERM);
  Run();
  EXPECT_EQ(drain_.Status(),
            "draining since 1970-01-01T00:00:00+00:00: no new connections\n"
            "3 client connections are left, which have until 1970-01-01T00:00:25+00:00\n");
}

}  // namespace
}  // namespace singleflight::app
