// What a pool tells of its endpoints and counts of them, and endpoints that are taken out.

#include <gmock/gmock.h>

#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PoolEndpointsTest : public PoolTest {
 protected:
  void Drain(const ScriptedServer& server, bool drained) {
    Run([&] { pool_->SetDrained(server.endpoint(), drained); });
  }

  // Pools of one endpoint with cells that the test reads.
  const EndpointCells& MakePoolOf(ScriptedServer& server) {
    MakePool({});
    Run([&] {
      pool_->SetEndpoints(
          std::make_shared<const EndpointList>(EndpointList{{server.endpoint()}, ""}),
          {{cells_, std::make_shared<EndpointShared>(), false}});
    });
    return *cells_;
  }

  const std::shared_ptr<EndpointCells> cells_ = std::make_shared<EndpointCells>();
};

TEST_F(PoolEndpointsTest, AConnectionIsToldFromItsBeginningToItsEnd) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({server.endpoint()});
  Await(Ask());
  EXPECT_THAT(states_, ElementsAre(EndpointState::kConnecting, EndpointState::kReady));
  Run([&] { server.Stop(); });
  Until([&] { return states_.size() == 3; });
  EXPECT_EQ(states_.back(), EndpointState::kIdle);
  EXPECT_EQ(failure_, "");
}

TEST_F(PoolEndpointsTest, AFailureIsToldWithItsCauseUntilItsPauseIsOver) {
  MakePool({*net::ParseAddress(FreeAddress())});
  Await(Ask());
  Until([&] { return states_.size() == 3; });
  EXPECT_THAT(states_, ElementsAre(EndpointState::kConnecting, EndpointState::kFailing,
                                   EndpointState::kIdle));
  EXPECT_THAT(failure_, HasSubstr("refused"));
}

TEST_F(PoolEndpointsTest, CallsAndTheLatestCodeAreCounted) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  const EndpointCells& cells = MakePoolOf(server);
  EXPECT_FALSE(cells.latest_code.value().has_value());
  Await(Ask());
  Await(Ask());
  EXPECT_EQ(cells.calls.value(), 2u);
  EXPECT_EQ(cells.active.value(), 0);
  EXPECT_EQ(cells.connections.value(), 1);
  EXPECT_EQ(cells.latest_code.value()->code, wire::StatusCode::kOk);
  Ask("");
  Until([&] { return server.calls() == 3; });
  EXPECT_EQ(cells.active.value(), 1);
  Run([&] { callers_.clear(); });
  EXPECT_EQ(cells.active.value(), 0);
  Run([&] { pool_->Shutdown(); });
  EXPECT_EQ(cells.connections.value(), 0);
}

TEST_F(PoolEndpointsTest, AnEndpointThatIsTakenOutGetsNoCallUntilItIsBack) {
  ScriptedServer& out = Serve();
  ScriptedServer& in = Serve();
  out.serve = in.serve = Echo;
  MakePool({out.endpoint(), in.endpoint()});
  Drain(out, true);
  for (int i = 0; i < 4; ++i) Await(Ask());
  EXPECT_EQ(out.calls(), 0u);
  EXPECT_EQ(in.calls(), 4u);
  Drain(out, false);
  for (int i = 0; i < 4; ++i) Await(Ask());
  Until([&] {
    Begin("ask", 0);
    return out.calls() > 0;
  });
  for (const auto& caller : callers_) Await(*caller);
}

TEST_F(PoolEndpointsTest, CallsOnAnEndpointThatIsTakenOutRunToTheirEnd) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& caller = Ask();
  Until([&] { return server.calls() == 1; });
  Drain(server, true);
  Run([&] { Echo(server.call(0)); });
  Await(caller);
  EXPECT_EQ(caller.body, "ask");
  Until([&] { return server.connections() == 0; });
}

TEST_F(PoolEndpointsTest, WithAllTakenOutCallsSayWhy) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Drain(server, true);
  Caller& caller = Ask();
  Await(caller);
  EXPECT_THAT(caller.failure->message, HasSubstr("its endpoints are taken out (drain)"));
}

}  // namespace
}  // namespace singleflight::upstream::testing
