// Backends whose connections are up and that say nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/http2/frames.h"
#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using http2::testing::Frame;
using http2::testing::GoAway;
using http2::testing::Settings;
using ::testing::HasSubstr;
using Kind = core::UpstreamFailure::Kind;

// Says its settings and then what it is told, and reads nothing. Lives on the worker.
class SilentServer {
 public:
  explicit SilentServer(net::Worker& worker) {
    auto listener =
        net::Listener::Open(worker, {"127.0.0.1:0", {}}, [this](net::Listener::Accepted accepted) {
          sockets_.push_back(accepted.fd);
          Say(greeting);
        });
    EXPECT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    listener_->Start();
  }
  ~SilentServer() {
    for (const int fd : sockets_) ::close(fd);
  }

  net::Endpoint endpoint() const { return *net::ParseAddress(listener_->address()); }
  size_t accepted() const { return sockets_.size(); }

  Frame greeting = Settings({});  // of connections that come

  // On the latest connection.
  void Say(const Frame& frame) {
    const std::string bytes = frame.Encoded();
    EXPECT_EQ(::send(sockets_.back(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

 private:
  std::unique_ptr<net::Listener> listener_;
  std::vector<int> sockets_;
};

class SilenceTest : public PoolTest {
 protected:
  SilenceTest() {
    options_.ping_after = absl::Milliseconds(10);
    options_.ping_timeout = absl::Milliseconds(10);
    on_.Run([this] { silent_ = std::make_unique<SilentServer>(on_.worker()); });
  }
  ~SilenceTest() override {
    on_.Run([this] { silent_.reset(); });
  }

  std::unique_ptr<SilentServer> silent_;
};

// PITFALLS 57
TEST_F(SilenceTest, ABackendThatAnswersNoPingLosesItsConnectionAndCallersHearWhy) {
  MakePool({silent_->endpoint()});
  Caller& caller = Ask();
  Await(caller);
  EXPECT_EQ(caller.failure->kind, Kind::kLost) << "a flight may send it again";
  EXPECT_EQ(caller.failure->status, wire::StatusCode::kUnavailable);
  EXPECT_THAT(caller.failure->message, HasSubstr("'catalog'"));
  EXPECT_THAT(caller.failure->message, HasSubstr("ping_timeout"));
  EXPECT_EQ(Unanswered(core::Unanswered::kPingTimeout), 1u);
  EXPECT_EQ(metrics_.pings.value(), 1u);
  EXPECT_EQ(metrics_.connections_silent.value(), 1u);
  EXPECT_EQ(connect_failed_, 1) << "so that the name is looked up again";
}

TEST_F(SilenceTest, ACallThatTakesLongIsNoSilence) {
  options_.ping_timeout = absl::Hours(1);
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& caller = Ask("kettle");
  Until([&] { return metrics_.pings.value() == 1; });
  Run([&] { Echo(server.call(0)); });
  Await(caller);
  EXPECT_EQ(caller.body, "kettle");
  EXPECT_EQ(metrics_.connections_silent.value(), 0u);
}

TEST_F(SilenceTest, HowLongTheOldestCallWaitsIsKnownBeforeItEnds) {
  options_.ping_timeout = absl::Hours(1);
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& kettle = Ask("kettle");
  Until([&] { return server.calls() == 1; });
  const absl::optional<base::Instant> since = metrics_.waits.oldest();
  ASSERT_TRUE(since.has_value());
  Caller& teapot = Ask("teapot");
  Until([&] { return server.calls() == 2; });
  EXPECT_EQ(metrics_.waits.oldest(), since);
  Run([&] { Echo(server.call(0)); });
  Await(kettle);
  EXPECT_GT(metrics_.waits.oldest(), since);
  Run([&] { Echo(server.call(1)); });
  Await(teapot);
  EXPECT_FALSE(metrics_.waits.oldest().has_value());
}

TEST_F(SilenceTest, WhileItIsInDoubtCallsGoElsewhere) {
  options_.ping_timeout = absl::Hours(1);
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({silent_->endpoint(), server.endpoint()});
  Ask("makes the connections");
  Until([&] { return metrics_.connections.value() == 2; });
  for (int i = 0; i < 2; ++i) Ask("in turn");
  Until([&] { return metrics_.pings.value() == 1; });
  for (int i = 0; i < 10; ++i) {
    Caller& caller = Ask("kettle");
    Await(caller);
    EXPECT_EQ(caller.body, "kettle");
  }
}

TEST_F(SilenceTest, WhileItIsInDoubtItsCallsHaveNoSlots) {
  options_.ping_timeout = absl::Hours(1);
  options_.concurrency.limit = 2;
  options_.concurrency.max_wait = absl::Hours(1);
  const auto slots = std::make_shared<Concurrency>(options_.concurrency);
  limits_.concurrency = slots;
  MakePool({silent_->endpoint()});
  for (int i = 0; i < 3; ++i) Ask();
  Until([&] { return slots->queued() == 0 && slots->in_flight() == 0; });
  EXPECT_EQ(metrics_.active.value(), 3);
}

TEST_F(SilenceTest, WhereThereIsNoOtherItGetsCallsAllTheSame) {
  options_.ping_timeout = absl::Hours(1);
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Ask("first");
  Until([&] { return metrics_.pings.value() == 1; });
  Caller& second = Ask("second");
  Until([&] { return server.calls() == 2; });
  Run([&] { Echo(server.call(1)); });
  Await(second);
}

TEST_F(SilenceTest, ItIsConnectedToAnewAndGetsNoCallBeforeItSpeaks) {
  const std::string address = net::ToString(silent_->endpoint());
  MakePool({silent_->endpoint()});
  Await(Ask());
  Run([&] { silent_.reset(); });
  ScriptedServer& awake = Serve({}, address);
  awake.serve = Echo;
  Caller& next = Ask("kettle");
  Await(next);
  EXPECT_EQ(next.body, "kettle");
  EXPECT_EQ(metrics_.connects.value(), 2u);
}

TEST_F(SilenceTest, ItsOtherConnectionsEndAsWellWhereTheyHaveNoCall) {
  silent_->greeting = Settings({{http2::testing::kMaxConcurrentStreams, 1}});
  options_.ping_after = absl::Milliseconds(100);
  MakePool({silent_->endpoint()});
  Caller& stays = Ask();
  Caller& goes = Ask();
  Until([&] { return metrics_.active.value() == 2; });
  Run([&] { goes.call.reset(); });
  Await(stays);
  Until([&] { return metrics_.connections.value() == 0; });
  EXPECT_EQ(metrics_.connections_silent.value(), 1u);
}

TEST_F(SilenceTest, ABackendThatGetsTooManyPingsGetsHalfAsMany) {
  options_.ping_after = absl::Milliseconds(200);
  options_.ping_timeout = absl::Hours(1);
  MakePool({silent_->endpoint()});
  Caller& caller = Ask();
  Until([&] { return metrics_.pings.value() == 1; });
  base::Instant said, pinged;
  Run([&] {
    said = on_.worker().Now();
    Frame goaway = GoAway(0, 11);
    goaway.payload += "too_many_pings";
    silent_->Say(goaway);
  });
  Until([&] {
    pinged = on_.worker().Now();
    return metrics_.pings.value() == 2;
  });
  EXPECT_GE(absl::FromChrono(pinged - said), 2 * options_.ping_after);
  EXPECT_FALSE(caller.Over()) << "the GOAWAY had not seen it";
}

}  // namespace
}  // namespace singleflight::upstream::testing
