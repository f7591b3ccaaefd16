// What one client may take of an upstream's streams, and of the calls that may wait for one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class SharesTest : public PoolTest {
 protected:
  // A server with that many streams, on one connection, which answers nobody by itself.
  ScriptedServer& ServeStreams(uint32_t streams) {
    options_.max_connections_per_endpoint = 1;
    http2::SessionOptions options;
    options.max_concurrent_streams = streams;
    ScriptedServer& server = Serve(options);
    MakePool({server.endpoint()});
    return server;
  }

  void AskAs(const std::shared_ptr<memory::Client>& client, int calls,
             const std::string& message = "ask") {
    Run([&] {
      client_ = client;
      for (int i = 0; i < calls; ++i) Begin(message, 3);
    });
  }

  // Streams that stay open, on the latest connection, which then takes no more calls.
  void FillAndDrain(ScriptedServer& server, int calls) {
    const size_t before = server.calls();
    AskAs(greedy_, calls, "long");
    Until([&] { return server.calls() == before + static_cast<size_t>(calls); });
    Run([&] { server.session(server.connections() - 1).BeginShutdown(); });
  }

  const std::shared_ptr<memory::Client> greedy_ = std::make_shared<memory::Client>();
  const std::shared_ptr<memory::Client> modest_ = std::make_shared<memory::Client>();
};

TEST_F(SharesTest, AClientThatWantsEverythingLeavesAQuarterOfTheStreamsToOthers) {
  ScriptedServer& server = ServeStreams(100);
  AskAs(greedy_, 1000);
  Until([&] { return server.calls() == 75; });
  EXPECT_EQ(metrics_.pending.value(), 925);
  AskAs(modest_, 25, "modest");
  Until([&] { return server.calls() == 100; });
  EXPECT_EQ(server.call(99).body, "modest");
}

TEST_F(SharesTest, WhileOthersWaitAClientWithMoreThanHalfGetsNoMore) {
  ScriptedServer& server = ServeStreams(100);
  AskAs(greedy_, 1000);
  Until([&] { return server.calls() == 75; });
  AskAs(modest_, 200, "modest");
  Until([&] { return server.calls() == 100; });
  Run([&] {
    for (size_t i = 0; i < 25; ++i) Echo(server.call(i));
  });
  Until([&] { return server.calls() == 125; });
  for (size_t i = 75; i < 125; ++i) EXPECT_EQ(server.call(i).body, "modest");
}

TEST_F(SharesTest, ClientsWhoseCallsWaitHaveTheirTurnsOneAfterTheOther) {
  ScriptedServer& server = ServeStreams(1);
  AskAs(greedy_, 3, "greedy");
  Until([&] { return server.calls() == 1; });
  AskAs(modest_, 2, "modest");
  for (size_t i = 0; i < 5; ++i) {
    Until([&] { return server.calls() == i + 1 && server.call(i).ended; });
    Run([&] { Echo(server.call(i)); });
  }
  EXPECT_EQ(server.call(1).body, "greedy");
  EXPECT_EQ(server.call(2).body, "modest");
  EXPECT_EQ(server.call(3).body, "greedy");
  EXPECT_EQ(server.call(4).body, "modest");
}

TEST_F(SharesTest, AClientThatIsAloneHasNoShareOfStreamsWithoutABound) {
  ScriptedServer& server = ServeStreams(0x7fffffff);
  AskAs(greedy_, 500);
  Until([&] { return server.calls() == 500; });
  EXPECT_EQ(metrics_.pending.value(), 0);
}

TEST_F(SharesTest, ConnectionsThatMayStillBeMadeCount) {
  http2::SessionOptions options;
  options.max_concurrent_streams = 10;
  options_.max_connections_per_endpoint = 4;
  ScriptedServer& server = Serve(options);
  MakePool({server.endpoint()});
  AskAs(greedy_, 100);
  Until([&] { return server.calls() == 30; });
  EXPECT_EQ(metrics_.pending.value(), 70);
  AskAs(modest_, 10);
  Until([&] { return server.calls() == 40; });
}

TEST_F(SharesTest, TheLastQuarterOfTheCallsThatMayWaitIsForOthersToo) {
  options_.max_pending_calls = 100;
  ScriptedServer& server = ServeStreams(1);
  AskAs(modest_, 1);
  Until([&] { return server.calls() == 1; });
  AskAs(greedy_, 75);
  EXPECT_EQ(metrics_.pending.value(), 75);
  AskAs(greedy_, 1);
  Caller& refused = *callers_.back();
  Await(refused);
  EXPECT_EQ(refused.failure->kind, core::UpstreamFailure::Kind::kCallersOwn);
  EXPECT_EQ(refused.failure->status, wire::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.failure->message,
              AllOf(HasSubstr("'catalog'"), HasSubstr("max_pending_calls (100)"),
                    HasSubstr("this client's")));
  EXPECT_EQ(Unanswered(core::Unanswered::kClientShare), 1u);
  AskAs(modest_, 25);
  EXPECT_EQ(metrics_.pending.value(), 100);
}

// Ten on one connection and five on the other are all that it may have. With the ten gone it may
// have more, although nothing else happens on the other connection.
TEST_F(SharesTest, ACallThatWaitsForItsClientsShareIsServedWhenAnotherConnectionDies) {
  http2::SessionOptions options;
  options.max_concurrent_streams = 10;
  options_.max_connections_per_endpoint = 1;
  options_.max_reconnect_backoff = absl::Hours(1);
  ScriptedServer& dies = Serve(options);
  ScriptedServer& lives = Serve(options);
  MakePool({dies.endpoint(), lives.endpoint()});
  AskAs(nullptr, 1);
  Until([&] { return metrics_.connections.value() == 2 && metrics_.active.value() == 1; });
  Run([&] { callers_.front()->call.reset(); });
  AskAs(greedy_, 14);
  Until([&] { return lives.calls() >= 7 && metrics_.active.value() == 14; });
  Run([&] {
    for (size_t i = 0; i < lives.calls(); ++i) {
      if (lives.call(i).ended) Echo(lives.call(i));
    }
  });
  Until([&] { return metrics_.active.value() == 7; });
  AskAs(greedy_, 9);
  EXPECT_EQ(metrics_.active.value(), 15);
  EXPECT_EQ(metrics_.pending.value(), 1);
  Run([&] { dies.Stop(); });
  Until([&] { return metrics_.active.value() <= 6; });
  Until([&] { return metrics_.pending.value() == 0; });
  EXPECT_EQ(metrics_.active.value(), 6);
}

TEST_F(SharesTest, StreamsOnConnectionsThatTakeNoMoreCallsAreNoPartOfAShare) {
  ScriptedServer& server = ServeStreams(10);
  for (int i = 0; i < 5; ++i) FillAndDrain(server, 8);
  EXPECT_EQ(metrics_.active.value(), 40);
  AskAs(greedy_, 8);
  Until([&] { return server.calls() == 48; });
}

TEST_F(SharesTest, StreamsOfEndpointsThatAreGoneAreNoPartOfAShare) {
  ScriptedServer& old = ServeStreams(10);
  http2::SessionOptions options;
  options.max_concurrent_streams = 10;
  ScriptedServer& next = Serve(options);
  AskAs(greedy_, 9);
  Until([&] { return old.calls() == 8; });
  SetEndpoints({next.endpoint()});
  AskAs(greedy_, 7);
  Until([&] { return next.calls() == 8; });
}

TEST_F(SharesTest, ACallThatOthersWantTooWaitsForNobodysShare) {
  ScriptedServer& server = ServeStreams(8);
  AskAs(greedy_, 7, "long");
  Until([&] { return server.calls() == 6; });
  AskAs(greedy_, 1, "hot");
  Run([&] { callers_.back()->call->Disown(); });
  Until([&] { return server.calls() == 7; });
  EXPECT_EQ(server.call(6).body, "hot");
  EXPECT_EQ(metrics_.pending.value(), 1);
}

TEST_F(SharesTest, ACallThatRunsKeepsItsClientsPlace) {
  ScriptedServer& server = ServeStreams(8);
  AskAs(greedy_, 7);
  Until([&] { return server.calls() == 6; });
  Run([&] { callers_.front()->call->Disown(); });
  EXPECT_EQ(metrics_.pending.value(), 1);
}

TEST_F(SharesTest, OneThatLeavesTheQueueTakesItsTurnWithIt) {
  ScriptedServer& server = ServeStreams(1);
  AskAs(greedy_, 1);
  Until([&] { return server.calls() == 1; });
  AskAs(modest_, 1);
  Run([&] { callers_.back()->call.reset(); });
  AskAs(greedy_, 1, "next");
  Run([&] { Echo(server.call(0)); });
  Until([&] { return server.calls() == 2 && server.call(1).ended; });
  EXPECT_EQ(server.call(1).body, "next");
}

}  // namespace
}  // namespace singleflight::upstream::testing
