// Which endpoint a call goes to, by upstreams[].load_balancing.

#include <gmock/gmock.h>

#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class BalancingTest : public PoolTest {
 protected:
  ScriptedServer& ServeEcho(const std::string& address = "127.0.0.1:0") {
    ScriptedServer& server = Serve({}, address);
    server.serve = Echo;
    return server;
  }

  // A pool whose endpoints have seats that the test reads and writes, in their order.
  void MakeSeatedPool(const std::vector<net::Endpoint>& endpoints) {
    for (size_t i = 0; i < endpoints.size(); ++i) {
      seats_.push_back(
          {std::make_shared<EndpointCells>(), std::make_shared<EndpointShared>(), false});
    }
    MakePool({});
    Run([&] {
      pool_->SetEndpoints(std::make_shared<const EndpointList>(EndpointList{endpoints, ""}),
                          seats_);
    });
  }

  std::atomic<int64_t>& active(size_t at) { return seats_.at(at).shared->active; }

  // So that all endpoints are connected to.
  void AwaitConnections(const std::vector<ScriptedServer*>& servers) {
    Await(Ask());
    for (const ScriptedServer* server : servers) {
      Until([&] { return server->connections() == 1; });
    }
    Until([&] { return metrics_.connections.value() == static_cast<int64_t>(servers.size()); });
  }

  void AskAndAwait(int calls) {
    for (int i = 0; i < calls; ++i) Await(Ask());
  }

  std::vector<EndpointSeat> seats_;
};

TEST_F(BalancingTest, LeastRequestCountsCallsOfOtherWorkersToo) {
  options_.load_balancing = LoadBalancing::kLeastRequest;
  ScriptedServer& busy = ServeEcho();
  ScriptedServer& idle = ServeEcho();
  MakeSeatedPool({busy.endpoint(), idle.endpoint()});
  AwaitConnections({&busy, &idle});
  active(0) += 10;  // another worker's
  const size_t before = busy.calls();
  AskAndAwait(8);
  EXPECT_EQ(busy.calls(), before);
  active(0) -= 10;
  EXPECT_EQ(active(0), 0);
  EXPECT_EQ(active(1), 0);
}

TEST_F(BalancingTest, LeastRequestSpreadsCallsThatStay) {
  options_.load_balancing = LoadBalancing::kLeastRequest;
  ScriptedServer& one = Serve();
  ScriptedServer& other = Serve();
  MakeSeatedPool({one.endpoint(), other.endpoint()});
  Ask("");
  Until([&] { return metrics_.connections.value() == 2; });
  for (int i = 0; i < 9; ++i) Ask("");
  Until([&] { return one.calls() + other.calls() == 10; });
  EXPECT_EQ(active(0), 5);
  EXPECT_EQ(active(1), 5);
  Run([&] { callers_.clear(); });
  EXPECT_EQ(active(0), 0);
  EXPECT_EQ(active(1), 0);
}

TEST_F(BalancingTest, LeastRequestSpreadsHedgesOverAllOtherEndpoints) {
  options_.load_balancing = LoadBalancing::kLeastRequest;
  ScriptedServer& avoided = ServeEcho();
  ScriptedServer& second = ServeEcho();
  ScriptedServer& third = ServeEcho();
  MakeSeatedPool({avoided.endpoint(), second.endpoint(), third.endpoint()});
  AwaitConnections({&avoided, &second, &third});
  const size_t before = avoided.calls();
  avoid_ = std::make_shared<const std::string>(avoided.address());
  const size_t seconds = second.calls();
  const size_t thirds = third.calls();
  AskAndAwait(20);
  EXPECT_GT(second.calls(), seconds);
  EXPECT_GT(third.calls(), thirds);
  EXPECT_EQ(avoided.calls(), before);
}

TEST_F(BalancingTest, RoundRobinLeavesTheSharedGaugesAlone) {
  ScriptedServer& server = Serve();
  MakeSeatedPool({server.endpoint()});
  Ask("");
  Until([&] { return server.calls() == 1; });
  EXPECT_EQ(active(0), 0);
}

class PickFirstTest : public BalancingTest {
 protected:
  PickFirstTest() { options_.load_balancing = LoadBalancing::kPickFirst; }
};

TEST_F(PickFirstTest, OnlyTheFirstIsConnectedTo) {
  ScriptedServer& first = ServeEcho();
  ScriptedServer& second = ServeEcho();
  MakePool({first.endpoint(), second.endpoint()});
  AskAndAwait(5);
  EXPECT_EQ(first.calls(), 5u);
  EXPECT_EQ(second.accepted(), 0);
}

TEST_F(PickFirstTest, OneThatCannotBeReachedIsPassedOver) {
  ScriptedServer& second = ServeEcho();
  ScriptedServer& third = ServeEcho();
  MakePool({*net::ParseAddress(FreeAddress()), second.endpoint(), third.endpoint()});
  AskAndAwait(3);
  EXPECT_EQ(second.calls(), 3u);
  EXPECT_EQ(third.accepted(), 0);
}

TEST_F(PickFirstTest, CallsStayWhereTheyAreUntilTheConnectionIsLost) {
  options_.max_reconnect_backoff = absl::Hours(1);  // the first pause is 100 ms then
  ScriptedServer& first = ServeEcho();
  ScriptedServer& second = ServeEcho();
  const std::string address = first.address();
  MakePool({first.endpoint(), second.endpoint()});
  AskAndAwait(1);
  Run([&] { first.Stop(); });
  Until([&] { return metrics_.connections.value() == 0; });
  AskAndAwait(2);
  EXPECT_EQ(second.calls(), 2u);
  ScriptedServer& again = ServeEcho(address);
  AskAndAwait(2);
  EXPECT_EQ(again.accepted(), 0);
  Run([&] { second.Stop(); });
  Until([&] { return metrics_.connections.value() == 0; });
  Until([&] {
    Begin("ask", 0);
    return again.calls() > 0;
  });
  for (const auto& caller : callers_) Await(*caller);
}

// Although by the time that the last has failed, the pause of the first is over.
TEST_F(PickFirstTest, ACallFailsWhenAllHaveBeenTried) {
  MakePool({*net::ParseAddress(FreeAddress()), *net::ParseAddress(FreeAddress()),
            *net::ParseAddress(FreeAddress())});
  Caller& caller = Ask();
  Await(caller);
  ASSERT_TRUE(caller.failure.has_value());
  EXPECT_EQ(caller.failure->status, wire::StatusCode::kUnavailable);
  EXPECT_THAT(caller.failure->message, AllOf(HasSubstr("cannot connect to"), HasSubstr("refused")));
  EXPECT_EQ(metrics_.connect_failures.value(), 3u);
}

TEST_F(PickFirstTest, OneThatGoesFromTheListHandsItsCallsOver) {
  ScriptedServer& first = ServeEcho();
  ScriptedServer& second = ServeEcho();
  MakePool({first.endpoint(), second.endpoint()});
  AskAndAwait(1);
  SetEndpoints({second.endpoint()});
  AskAndAwait(2);
  EXPECT_EQ(second.calls(), 2u);
  Until([&] { return first.connections() == 0; });
}

TEST_F(PickFirstTest, TheOrderIsThatOfTheLatestList) {
  ScriptedServer& first = ServeEcho();
  ScriptedServer& second = ServeEcho();
  MakePool({first.endpoint(), second.endpoint()});
  SetEndpoints({second.endpoint(), first.endpoint()});
  AskAndAwait(2);
  EXPECT_EQ(second.calls(), 2u);
}

}  // namespace
}  // namespace singleflight::upstream::testing
