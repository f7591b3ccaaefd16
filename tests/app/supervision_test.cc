// What the service manager hears, where workers turn and where one is stuck.

#include "server/app/supervision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <latch>
#include <string>
#include <vector>

#include "server/metrics/registry.h"

namespace singleflight::app {
namespace {

using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class SupervisionTest : public ::testing::Test {
 protected:
  SupervisionTest() {
    sockaddr_un address = {AF_UNIX, ""};
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(manager_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    for (net::Worker& worker : workers_) worker.Start();
  }
  ~SupervisionTest() override {
    for (net::Worker& worker : workers_) worker.Stop();
    ::close(manager_);
    ::unlink(path_.c_str());
  }

  host::Service Service(std::chrono::microseconds watchdog) {
    host::Service service;
    service.notify_socket = path_;
    service.watchdog = watchdog;
    return service;
  }
  Supervision Supervised(std::chrono::microseconds watchdog) {
    return Supervision(control_, {&workers_[0], &workers_[1]}, Service(watchdog), [] {
      return std::chrono::steady_clock::time_point(std::chrono::microseconds(1234567));
    });
  }

  // The next message; serves the control loop until it comes.
  std::string Hear() {
    char buffer[1000];
    ssize_t n = -1;
    for (int i = 0; n < 0 && i < 450; ++i) {
      n = ::recv(manager_, buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n < 0) control_.run_one_for(std::chrono::milliseconds(100));
    }
    return n < 0 ? "nothing" : std::string(buffer, static_cast<size_t>(n));
  }

  // The first message from now on that is so.
  std::string HearUntil(const ::testing::Matcher<const std::string&>& matcher) {
    std::string message;
    do message = Hear();
    while (!matcher.Matches(message) && message != "nothing");
    EXPECT_THAT(message, matcher);
    return message;
  }

  // What has come when its timer has run so often.
  std::vector<std::string> Ticks(int n) {
    for (int i = 0; i < n; ++i) control_.run_one();
    std::vector<std::string> messages;
    char buffer[1000];
    ssize_t size;
    while ((size = ::recv(manager_, buffer, sizeof(buffer), MSG_DONTWAIT)) >= 0) {
      messages.emplace_back(buffer, static_cast<size_t>(size));
    }
    return messages;
  }

  const std::string path_ = ::testing::TempDir() + "supervision_" + std::to_string(::getpid());
  const int manager_ = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  boost::asio::io_context control_;
  std::latch stuck_{1}, moves_{1};  // on which a worker may wait when a test is over
  net::Worker workers_[2]{net::Worker(0), net::Worker(1)};
};

TEST_F(SupervisionTest, ItHearsOfEachTurn) {
  Supervision supervision = Supervised(std::chrono::microseconds(0));
  supervision.Ready("serving");
  EXPECT_EQ(Hear(), "READY=1\nSTATUS=serving");
  supervision.Reloading();
  EXPECT_EQ(Hear(), "RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=reading the configuration again");
  supervision.Reloaded("serving again");
  EXPECT_EQ(Hear(), "READY=1\nSTATUS=serving again");
  supervision.Stopping("draining");
  EXPECT_EQ(Hear(), "STOPPING=1\nSTATUS=draining");
  EXPECT_FALSE(control_.poll_one()) << "nobody watches";
}

TEST_F(SupervisionTest, HowManyAreStuckIsAMetric) {
  Supervision supervision = Supervised(std::chrono::milliseconds(20));
  metrics::Registry registry;
  registry.Add([&](metrics::Visitor& visitor) { supervision.Show(visitor); });
  supervision.Ready("serving");
  EXPECT_THAT(registry.Render(), HasSubstr("singleflight_workers_stuck 0\n"));
  workers_[0].Post([this] { moves_.wait(); });
  HearUntil(HasSubstr("1 of 2 workers"));
  EXPECT_THAT(registry.Render(), HasSubstr("singleflight_workers_stuck 1\n"));
  moves_.count_down();
  HearUntil(Eq("STATUS=serving"));
  EXPECT_THAT(registry.Render(), HasSubstr("singleflight_workers_stuck 0\n"));
}

// Other signs may come beside these where the machine is busy.
TEST_F(SupervisionTest, AStuckWorkerLetsTheWatchdogBite) {
  Supervision supervision = Supervised(std::chrono::milliseconds(20));
  supervision.Ready("serving");
  EXPECT_EQ(Hear(), "READY=1\nSTATUS=serving");
  HearUntil(Eq("WATCHDOG=1"));
  workers_[1].Post([this] {
    stuck_.count_down();
    moves_.wait();
  });
  stuck_.wait();
  Ticks(2);  // of a round that began before
  EXPECT_THAT(Ticks(8), Not(Contains("WATCHDOG=1"))) << "two intervals of silence";
  moves_.count_down();
  HearUntil(Eq("WATCHDOG=1"));
  EXPECT_EQ(HearUntil(StartsWith("STATUS=")), "STATUS=serving");
}

TEST_F(SupervisionTest, WhatIsStuckIsSaid) {
  Supervision supervision = Supervised(std::chrono::milliseconds(20));
  supervision.Ready("serving");
  workers_[1].Post([this] { moves_.wait(); });
  EXPECT_THAT(HearUntil(HasSubstr("have not turned")),
              ContainsRegex("STATUS=[12] of 2 workers have not turned for 5ms"));
  EXPECT_THAT(supervision.stuck(), HasSubstr("have not turned"));
  moves_.count_down();
  HearUntil(Eq("STATUS=serving"));
  EXPECT_EQ(supervision.stuck(), "");
}

}  // namespace
}  // namespace singleflight::app
