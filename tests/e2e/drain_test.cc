// SIGTERM: what runs ends well, within bounds.

#include <atomic>
#include <csignal>
#include <memory>
#include <thread>

#include "tests/testing/http_get.h"
#include "tests/testing/proxy_fixture.h"
#include "tests/testing/raw_calls.h"

namespace singleflight::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Each;
using ::testing::Eq;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Not;

class DrainTest : public ProxyTest {
 protected:
  void BeginDrain() {
    proxy_->Signal(SIGTERM);
    proxy_->WaitForMetric("singleflight_draining", Eq(1));
  }
};

TEST_F(DrainTest, CallsUnderWayEndWell) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> calls = StartHerd(10);
  for (int i = 0; i < 10; ++i) calls.push_back(Start(kWrite, "id-7"));
  backend_.WaitForHeld(11);
  BeginDrain();
  EXPECT_FALSE(calls.front().done());
  backend_.Release();
  EXPECT_THAT(WaitAll(calls), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(DrainTest, AConversationGoesOnUntilItsEnd) {
  Serve();
  StreamCall call = client().Open("/test.Chat/Echo");
  std::string reply;
  EXPECT_TRUE(call.Write("before") && call.Read(&reply));
  BeginDrain();
  EXPECT_TRUE(call.Write("after") && call.Read(&reply));
  EXPECT_EQ(reply, "after");
  EXPECT_TRUE(call.WritesDone());
  EXPECT_THAT(call.Finish(), HasCode(absl::StatusCode::kOk));
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(DrainTest, ADrainingProxyIsAliveAndNotReady) {
  Serve();
  backend_.Hold();
  EXPECT_EQ(HttpGet(proxy_->health(), "/readyz").status, 200);
  std::vector<PendingCall> calls = StartHerd(1);
  BeginDrain();
  EXPECT_EQ(HttpGet(proxy_->health(), "/readyz").status, 503);
  EXPECT_EQ(HttpGet(proxy_->health(), "/livez").status, 200);
  backend_.Release();
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(DrainTest, TheStatusPageSaysWhatIsLeft) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> calls = StartHerd(1);
  EXPECT_THAT(HttpGet(proxy_->health(), "/status").body, HasSubstr("serving\nlistening on 127."));
  BeginDrain();
  EXPECT_THAT(HttpGet(proxy_->health(), "/status").body,
              AllOf(HasSubstr("draining since 20"), Not(HasSubstr("listening")),
                    HasSubstr("\n1 client connections are left, which have until 20")));
  backend_.Release();
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(DrainTest, NobodyConnectsToADrainingProxy) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> calls = StartHerd(1);
  BeginDrain();
  Client late = NewClient();
  EXPECT_THAT(late.Ask(kRead, "id-7"), HasCode(absl::StatusCode::kUnavailable));
  backend_.Release();
  EXPECT_THAT(calls.front().Wait(), IsOkWith("reply to id-7"));
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(DrainTest, ASecondSignalEndsAtOnce) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> calls = StartHerd(1);
  BeginDrain();
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 128 + SIGTERM);
  EXPECT_THAT(calls.front().Wait(), HasCode(absl::StatusCode::kUnavailable));
}

TEST_F(DrainTest, AnInterruptDrainsToo) {
  Serve();
  proxy_->Signal(SIGINT);
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

TEST_F(DrainTest, CallsThatOutlastDrainTimeoutAreCutOff) {
  Serve({.top = "drain_timeout: 100ms"});
  backend_.Hold();
  std::vector<PendingCall> calls = StartHerd(2);
  calls.push_back(Start(kWrite, "id-7"));
  backend_.WaitForHeld(2);
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 1);
  EXPECT_THAT(WaitAll(calls), Each(HasCode(absl::StatusCode::kUnavailable)));
  EXPECT_THAT(proxy_->err(), HasSubstr("drain_timeout"));
}

TEST_F(DrainTest, AFlightThatNobodyWaitsForDoesNotHoldUpTheEnd) {
  Serve({.collapse = "{flight_timeout: 1m, on_abandon: complete}"});
  backend_.Hold();
  { std::vector<PendingCall> calls = StartHerd(2); }
  WaitForWaiters(0);
  proxy_->Signal(SIGTERM);
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

// Callers that call one after the other, all the time, and wait for a connection where there is
// none.
class LoadTest : public DrainTest {
 protected:
  void StartLoad(int callers) {
    for (int i = 0; i < callers; ++i) {
      threads_.emplace_back([this, i] {
        Client client = NewClient();
        for (int n = 0; !stop_; ++n) {
          const Answer answer = client.Ask(n % 2 == 0 ? kRead : kWrite, "id-" + std::to_string(i),
                                           {.wait_for_ready = true});
          ++(answer.code == absl::StatusCode::kOk ? answered_ : failed_);
          if (answer.code != absl::StatusCode::kOk) ADD_FAILURE() << answer;
        }
      });
    }
  }

  // Returns when so many more calls have been answered.
  void WaitForAnswers(int more) {
    const int enough = answered_ + more;
    const Deadline deadline;
    while (answered_ < enough && failed_ == 0 && !deadline.passed()) std::this_thread::yield();
  }

  void StopLoad() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void TearDown() override {
    StopLoad();
    DrainTest::TearDown();
  }

  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<int> answered_{0};
  std::atomic<int> failed_{0};
};

// PITFALLS 43
TEST_F(LoadTest, AProxyReplacedUnderLoadFailsNoCall) {
  Serve();
  StartLoad(8);
  for (int i = 0; i < 3; ++i) {
    WaitForAnswers(100);
    const std::string address = proxy_->address();
    proxy_->Signal(SIGTERM);
    EXPECT_EQ(proxy_->WaitExit(), 0);
    Serve({.listeners = "[{address: \"" + address + "\"}]"});
  }
  WaitForAnswers(100);
  StopLoad();
  EXPECT_EQ(failed_, 0);
}

// Callers that were released, far more than are let through at a time, go with their connections.
TEST_F(DrainTest, WhoWaitsToBeLetThroughGoesBeforeTheWorkersDo) {
  std::atomic<bool> streaming = false;
  RawServer server([&](const RawSeen& request) -> std::optional<RawMessage> {
    if (!request.ended || !streaming.exchange(false)) return std::nullopt;
    RawMessage two = RawReply("one");
    two.data.push_back(Framed("two"));
    return two;
  });
  Serve({.upstream = "release_concurrency: 1",
         .target = "target: \"" + server.address() + "\"",
         .top = "threads: 2"});
  constexpr int kConnections = 10, kCalls = 1000;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 1; i <= kConnections; ++i) {
    clients.push_back(std::make_unique<RawClient>(proxy_->address()));
    for (int j = 0; j < kCalls; ++j) clients.back()->Open(RawCall(kRead, "id-7"));
    clients.back()->Until([&] { return Metric("singleflight_waiters") == i * kCalls; });
  }
  streaming = true;
  server.LookAgain();
  proxy_->WaitForMetric("singleflight_release_queue", Eq(kConnections * kCalls - 2));
  BeginDrain();
  clients.clear();
  EXPECT_EQ(proxy_->WaitExit(), 0);
}

}  // namespace
}  // namespace singleflight::testing
