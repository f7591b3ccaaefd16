// Many callers, one upstream call.

#include "tests/testing/proxy_fixture.h"

namespace singleflight::testing {
namespace {

using ::testing::Each;
using ::testing::Eq;
using ::testing::SizeIs;

class HerdTest : public ProxyTest {
 protected:
  // `callers` in all, in equal parts on as many connections.
  void StartHerdOn(int connections, int callers) {
    for (int i = 0; i < connections; ++i) clients_.push_back(NewClient());
    for (int i = 0; i < callers; ++i) {
      calls_.push_back(clients_[i % connections].Start(kRead, "id-7"));
    }
    WaitForWaiters(callers);
  }

  void TearDown() override {
    calls_.clear();
    clients_.clear();
    ProxyTest::TearDown();
  }

  std::vector<Client> clients_;
  std::vector<PendingCall> calls_;
};

TEST_F(HerdTest, TenThousandCallersOnAHundredConnectionsShareOneUpstreamCall) {
  Serve();
  backend_.Hold();
  StartHerdOn(100, 10000);
  backend_.Release();
  EXPECT_THAT(WaitAll(calls_), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(Metric("singleflight_calls_saved_total"), 9999);
}

TEST_F(HerdTest, CallersOnSeveralThreadsShareOneUpstreamCall) {
  Serve({.top = "threads: 2"});
  backend_.Hold();
  StartHerdOn(8, 64);
  backend_.Release();
  EXPECT_THAT(WaitAll(calls_), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(backend_.calls(), 1);
}

TEST_F(HerdTest, CallersThatAskForDifferentThingsAreServedApart) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> sevens = StartHerd(5, "id-7");
  std::vector<PendingCall> eights = StartHerd(5, "id-8");
  backend_.WaitForHeld(2);
  backend_.Release();
  EXPECT_THAT(WaitAll(sevens), Each(IsOkWith("reply to id-7")));
  EXPECT_THAT(WaitAll(eights), Each(IsOkWith("reply to id-8")));
  EXPECT_EQ(backend_.calls(), 2);
}

TEST_F(HerdTest, ACallAfterTheLandingIsANewUpstreamCall) {
  Serve();
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("reply to id-7"));
  backend_.AnswerWith(Ok("news"));
  EXPECT_THAT(Ask(kRead, "id-7"), IsOkWith("news"));
  EXPECT_EQ(backend_.calls(), 2);
}

TEST_F(HerdTest, IdenticalCallsOnARelayRouteAreNotShared) {
  Serve();
  backend_.Hold();
  std::vector<PendingCall> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(Start(kWrite, "id-7"));
  backend_.WaitForHeld(3);
  backend_.Release();
  EXPECT_THAT(WaitAll(calls), Each(IsOkWith("reply to id-7")));
  EXPECT_EQ(Calls("relay"), 3);
}

}  // namespace
}  // namespace singleflight::testing
