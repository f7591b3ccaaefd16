// Connections: when they are made, how calls find one, and what callers hear when there is none.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::HasSubstr;
using Kind = core::UpstreamFailure::Kind;

http2::SessionOptions OneStream() {
  http2::SessionOptions options;
  options.max_concurrent_streams = 1;
  return options;
}

TEST_F(PoolTest, ACallWaitsForTheFirstConnectionAndIsAnswered) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({server.endpoint()});
  Caller& caller = Ask("kettle");
  Await(caller);
  EXPECT_EQ(caller.body, "kettle");
  EXPECT_EQ(caller.sent, 6u);
  EXPECT_EQ(caller.trailing, Fields({{"grpc-status", "0"}}));
  EXPECT_EQ(metrics_.connects.value(), 1u);
}

TEST_F(PoolTest, NothingIsConnectedToBeforeTheFirstCall) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({server.endpoint()});
  Run([] {});
  EXPECT_EQ(server.accepted(), 0);
}

TEST_F(PoolTest, ManyCallsShareOneConnection) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({server.endpoint()});
  for (int i = 0; i < 50; ++i) Ask("kettle");
  for (const auto& caller : callers_) Await(*caller);
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(PoolTest, ARefusedConnectionFailsTheCallWithUpstreamAddressAndCause) {
  const std::string nobody = FreeAddress();
  MakePool({*net::ParseAddress(nobody)});
  Caller& caller = Ask();
  Await(caller);
  EXPECT_EQ(caller.failure->kind, Kind::kUnreachable);
  EXPECT_EQ(caller.failure->status, wire::StatusCode::kUnavailable);
  EXPECT_THAT(caller.failure->message, HasSubstr("'catalog'"));
  EXPECT_THAT(caller.failure->message, HasSubstr(nobody));
  EXPECT_THAT(caller.failure->message, HasSubstr("refused"));
  EXPECT_EQ(metrics_.connect_failures.value(), 1u);
  EXPECT_EQ(connect_failed_, 1);
}

TEST_F(PoolTest, DuringThePauseAfterAFailureCallsFailAtOnceWithTheReason) {
  options_.max_reconnect_backoff = absl::Hours(1);
  MakePool({*net::ParseAddress(FreeAddress())});
  Await(Ask());
  Caller& caller = Ask();
  Await(caller);
  EXPECT_THAT(caller.failure->message, HasSubstr("refused"));
  EXPECT_EQ(metrics_.connect_failures.value(), 1u);
}

// It says that it is ready, lets no call in, and goes.
TEST_F(PoolTest, ABackendThatEndsConnectionsAtOnceIsNotConnectedToWithoutPause) {
  http2::SessionOptions no_streams;
  no_streams.max_concurrent_streams = 0;
  ScriptedServer& server = Serve(no_streams);
  server.hangs_up = true;
  options_.max_reconnect_backoff = absl::Seconds(10);
  MakePool({server.endpoint()});
  for (int i = 0; i < 100; ++i) {
    Caller& caller = Ask("kettle", 0);
    Await(caller);
    EXPECT_EQ(caller.failure->kind, Kind::kUnreachable);
    EXPECT_THAT(caller.failure->message, HasSubstr(server.address()));
  }
  EXPECT_GE(server.accepted(), 2);
  EXPECT_LE(server.accepted(), 10);
  EXPECT_GE(connect_failed_, 1) << "so that the name is looked up again";
}

TEST_F(PoolTest, ABackendThatEndsConnectionsAtOnceIsOfUseAgainWhenItStays) {
  http2::SessionOptions no_streams;
  no_streams.max_concurrent_streams = 0;
  ScriptedServer& hasty = Serve(no_streams);
  hasty.hangs_up = true;
  const std::string address = hasty.address();
  MakePool({hasty.endpoint()});
  Await(Ask("kettle", 0));
  Run([&] { hasty.Stop(); });
  Serve({}, address).serve = Echo;
  while (!callers_.back()->ended) Await(Ask("kettle", 0));
  EXPECT_EQ(callers_.back()->body, "kettle");
}

TEST_F(PoolTest, ABackendThatAppearsIsConnectedToAgain) {
  const std::string address = FreeAddress();
  MakePool({*net::ParseAddress(address)});
  Await(Ask());
  ScriptedServer& server = Serve({}, address);
  server.serve = Echo;
  Until([this] {
    if (callers_.back()->Over() && callers_.back()->failure.has_value()) Begin("kettle", 0);
    return callers_.back()->ended;
  });
  EXPECT_EQ(callers_.back()->body, "kettle");
}

TEST_F(PoolTest, AConnectionThatIsLostFailsItsCallsAndIsMadeAnewForTheNext) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& lost = Ask();
  Until([&] { return server.calls() == 1; });
  Run([&] { server.Stop(); });
  Await(lost);
  EXPECT_EQ(lost.failure->kind, Kind::kLost);
  EXPECT_EQ(lost.failure->status, wire::StatusCode::kUnavailable);
  EXPECT_THAT(lost.failure->message, HasSubstr("'catalog'"));
  ScriptedServer& again = Serve({}, net::ToString(server.endpoint()));
  again.serve = Echo;
  Caller& next = Ask("kettle");
  Await(next);
  EXPECT_EQ(next.body, "kettle");
}

// A socket that the kernel connects, and nobody accepts.
TEST_F(PoolTest, ABackendThatSendsNoSettingsIsGivenUpAfterConnectTimeout) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const net::Endpoint any = *net::ParseAddress("127.0.0.1:0");
  ASSERT_EQ(::bind(fd, any.data(), any.size()), 0);
  ASSERT_EQ(::listen(fd, 16), 0);
  sockaddr_storage bound = {};
  socklen_t size = sizeof(bound);
  ASSERT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size), 0);
  options_.connect_timeout = absl::Milliseconds(20);
  MakePool({net::Endpoint(&bound, size)});
  Caller& caller = Ask();
  Await(caller);
  EXPECT_EQ(caller.failure->kind, Kind::kUnreachable);
  EXPECT_THAT(caller.failure->message, HasSubstr("not ready within 20ms"));
  ::close(fd);
}

TEST_F(PoolTest, AConnectionThatDoesNotComeUpFailsCallsInTime) {
  options_.connect_timeout = absl::Milliseconds(20);
  MakePool({*net::ParseAddress("192.0.2.1:1")});  // RFC 5737: nobody's
  Caller& caller = Ask();
  Await(caller);
  EXPECT_EQ(caller.failure->status, wire::StatusCode::kUnavailable);
}

// PITFALLS 37
TEST_F(PoolTest, MoreConnectionsAreMadeWhereThePeersLimitAsksForItAndThenCallsWaitInOrder) {
  ScriptedServer& server = Serve(OneStream());
  options_.max_connections_per_endpoint = 3;
  MakePool({server.endpoint()});
  for (int i = 0; i < 6; ++i) Ask(std::to_string(i));
  Until([&] { return server.calls() == 3; });
  EXPECT_EQ(server.connections(), 3u);
  EXPECT_EQ(metrics_.pending.value(), 3);
  for (size_t i = 0; i < 6; ++i) {
    Until([&] { return server.calls() > i && server.call(i).ended; });
    Run([&] { Echo(server.call(i)); });
  }
  for (size_t i = 0; i < 6; ++i) {
    Await(*callers_[i]);
    EXPECT_EQ(callers_[i]->body, std::to_string(i));
    const bool waited = i >= 3;
    EXPECT_TRUE(!waited || server.call(i).body == std::to_string(i)) << "in order";
  }
  EXPECT_EQ(server.accepted(), 3);
}

TEST_F(PoolTest, ACallThatNobodyWantsAnyMoreLeavesTheQueue) {
  ScriptedServer& server = Serve(OneStream());
  options_.max_connections_per_endpoint = 1;
  MakePool({server.endpoint()});
  Ask("first");
  Until([&] { return server.calls() == 1 && server.call(0).ended; });
  Caller& waiting = Ask("waits");
  EXPECT_EQ(metrics_.pending.value(), 1);
  Run([&] { waiting.call.reset(); });
  EXPECT_EQ(metrics_.pending.value(), 0);
  Caller& last = Ask("last");
  Run([&] { Echo(server.call(0)); });
  Until([&] { return server.calls() == 2 && server.call(1).ended; });
  EXPECT_EQ(server.call(1).body, "last");
  Run([&] { Echo(server.call(1)); });
  Await(last);
}

TEST_F(PoolTest, LettingGoOfACallResetsItUpstream) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& caller = Ask();
  Until([&] { return server.calls() == 1; });
  Run([&] { caller.call.reset(); });
  Until([&] { return server.call(0).closed.has_value(); });
  EXPECT_EQ(server.call(0).closed->error, 8u) << "CANCEL";
  EXPECT_EQ(Unanswered(core::Unanswered::kCancelled), 1u);
  EXPECT_EQ(Answered(wire::StatusCode::kCancelled), 0u) << "the backend said nothing";
}

TEST_F(PoolTest, ACallThatIsNotAnsweredIsCountedByWhatEndedIt) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& in_the_air = Ask();
  Until([&] { return server.calls() == 1; });
  Run([&] { in_the_air.call->Cancel(core::Unanswered::kDeadline); });
  Until([&] { return server.call(0).closed.has_value(); });
  EXPECT_EQ(server.call(0).closed->error, 8u) << "CANCEL";
  Run([&] { in_the_air.call.reset(); });
  Caller& reset = Ask();
  Until([&] { return server.calls() == 2; });
  Run([&] { server.call(1).stream->Reset(http2::ErrorCode::kInternalError); });
  Await(reset);
  Caller& lost = Ask();
  Until([&] { return server.calls() == 3; });
  Run([&] { server.Stop(); });
  Await(lost);
  Await(Ask());
  EXPECT_EQ(Unanswered(core::Unanswered::kDeadline), 1u) << "once";
  EXPECT_EQ(Unanswered(core::Unanswered::kReset), 1u);
  EXPECT_EQ(Unanswered(core::Unanswered::kConnectionLost), 1u);
  EXPECT_EQ(Unanswered(core::Unanswered::kUnreachable), 1u);
  EXPECT_EQ(Unanswered(core::Unanswered::kCancelled), 0u);
}

TEST_F(PoolTest, ACallWhoseDeadlinePassesWhileItWaitsForAStreamIsCountedAsThat) {
  ScriptedServer& server = Serve(OneStream());
  options_.max_connections_per_endpoint = 1;
  MakePool({server.endpoint()});
  Ask();
  Until([&] { return server.calls() == 1; });
  Caller& waits = Ask();
  Run([&] { waits.call->Cancel(core::Unanswered::kDeadline); });
  EXPECT_EQ(metrics_.pending.value(), 0);
  EXPECT_EQ(Unanswered(core::Unanswered::kDeadline), 1u);
}

TEST_F(PoolTest, PastMaxPendingCallsTheNextIsRefused) {
  ScriptedServer& server = Serve(OneStream());
  options_.max_connections_per_endpoint = 1;
  options_.max_pending_calls = 2;
  MakePool({server.endpoint()});
  Ask();
  Until([&] { return server.calls() == 1; });
  Ask();
  Ask();
  Caller& refused = Ask();
  Await(refused);
  EXPECT_EQ(refused.failure->status, wire::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.failure->message, HasSubstr("max_pending_calls (2)"));
  EXPECT_EQ(Unanswered(core::Unanswered::kNoRoom), 1u);
}

TEST_F(PoolTest, EndpointsTakeTurns) {
  std::vector<net::Endpoint> endpoints;
  for (int i = 0; i < 3; ++i) {
    Serve().serve = Echo;
    endpoints.push_back(servers_.back()->endpoint());
  }
  MakePool(endpoints);
  Await(Ask());
  Until([this] { return metrics_.connections.value() == 3; });
  std::vector<size_t> before;
  for (const auto& server : servers_) before.push_back(server->calls());
  for (int i = 0; i < 30; ++i) Await(Ask());
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(servers_[i]->calls() - before[i], 10u);
}

TEST_F(PoolTest, AHedgeTakesAnotherEndpointIfThereIsOne) {
  std::vector<net::Endpoint> endpoints;
  for (int i = 0; i < 2; ++i) {
    Serve().serve = Echo;
    endpoints.push_back(servers_.back()->endpoint());
  }
  MakePool(endpoints);
  Await(Ask());
  Until([this] { return metrics_.connections.value() == 2; });
  const auto ask_elsewhere = [&] {
    Caller& caller = *callers_.emplace_back(std::make_unique<Caller>());
    Run([&] {
      core::UpstreamHead head{std::make_shared<const model::Request>(absl::get<model::Request>(
                                  model::ParseRequest(Block(RequestFields())))),
                              "catalog:1", absl::nullopt, ""};
      head.avoid = std::make_shared<const std::string>(servers_[0]->address());
      caller.call = pool_->Start(std::move(head), caller);
      caller.call->Finish({});
    });
    Await(caller);
  };
  const size_t before = servers_[0]->calls();
  for (int i = 0; i < 10; ++i) ask_elsewhere();
  EXPECT_EQ(servers_[0]->calls(), before);
  SetEndpoints({endpoints[0]});
  ask_elsewhere();
  EXPECT_EQ(servers_[0]->calls(), before + 1) << "there is no other";
}

TEST_F(PoolTest, AnEndpointThatIsDownDoesNotCostACall) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({*net::ParseAddress(FreeAddress()), server.endpoint()});
  for (int i = 0; i < 20; ++i) {
    Caller& caller = Ask("kettle");
    Await(caller);
    EXPECT_TRUE(caller.ended);
  }
}

TEST_F(PoolTest, CallsOnAnEndpointThatIsNotInForceAnyMoreRunToTheirEnd) {
  ScriptedServer& old_server = Serve();
  ScriptedServer& new_server = Serve();
  new_server.serve = Echo;
  MakePool({old_server.endpoint()});
  Caller& running = Ask("old");
  Until([&] { return old_server.calls() == 1 && old_server.call(0).ended; });
  SetEndpoints({new_server.endpoint()});
  Caller& next = Ask("new");
  Await(next);
  EXPECT_EQ(new_server.calls(), 1u);
  Run([&] { Echo(old_server.call(0)); });
  Await(running);
  EXPECT_EQ(running.body, "old");
  Until([&] { return old_server.connections() == 0; });
}

TEST_F(PoolTest, AnIdleConnectionToAnEndpointThatIsNotInForceAnyMoreIsClosed) {
  ScriptedServer& old_server = Serve();
  ScriptedServer& new_server = Serve();
  old_server.serve = new_server.serve = Echo;
  MakePool({old_server.endpoint()});
  Await(Ask());
  SetEndpoints({new_server.endpoint()});
  Until([&] { return old_server.connections() == 0 && metrics_.connections.value() == 0; });
  Await(Ask());
  EXPECT_EQ(new_server.calls(), 1u);
}

TEST_F(PoolTest, OnceItIsRetiredOnlyConnectionsWithCallsStay) {
  ScriptedServer& busy = Serve();
  ScriptedServer& idle = Serve();
  MakePool({busy.endpoint(), idle.endpoint()});
  Caller& running = Ask("kettle");
  Until([&] { return metrics_.connections.value() == 2; });
  Until([&] { return busy.calls() + idle.calls() == 1; });
  Run([this] { pool_->Retire(); });
  Until([&] { return metrics_.connections.value() == 1; });
  Run([&] { Echo(busy.calls() == 1 ? busy.call(0) : idle.call(0)); });
  Await(running);
  EXPECT_EQ(running.body, "kettle");
  Until([&] { return metrics_.connections.value() == 0; });
}

TEST_F(PoolTest, ACallThatComesToARetiredOneIsServedAndLeavesNoConnectionBehind) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({server.endpoint()});
  Run([this] { pool_->Retire(); });
  Caller& late = Ask("kettle");
  Await(late);
  EXPECT_EQ(late.body, "kettle");
  Until([&] { return server.accepted() == 1 && metrics_.connections.value() == 0; });
}

TEST_F(PoolTest, AConnectionThatARetiredOneIsMakingGoesWhenNobodyWaitsForItAnyMore) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Run([this] {
    Begin("kettle", 0);
    callers_.clear();
    pool_->Retire();
  });
  Until([&] { return metrics_.connects.value() == 1 && metrics_.connections.value() == 0; });
  EXPECT_EQ(metrics_.connect_failures.value(), 0u);
}

TEST_F(PoolTest, CallsWaitUntilTheFirstLookUpIsDone) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  Run([this] {
    pool_ = std::make_unique<Pool>(on_.worker(), options_, "catalog:1", tls_, session_options_,
                                   shared_metrics_, 1, Pool::Hooks{[] {}});
  });
  Caller& caller = Ask("kettle");
  EXPECT_EQ(metrics_.pending.value(), 1);
  SetEndpoints({server.endpoint()});
  Await(caller);
  EXPECT_EQ(caller.body, "kettle");
}

TEST_F(PoolTest, AFailedLookUpIsTheReasonThatCallersHear) {
  MakePool({});
  Run([this] {
    pool_->SetEndpoints(std::make_shared<const EndpointList>(
        EndpointList{{}, "cannot resolve 'catalog.example': Host not found"}));
  });
  Caller& caller = Ask();
  Await(caller);
  EXPECT_THAT(caller.failure->message, HasSubstr("cannot resolve 'catalog.example'"));
}

// The second connection fails, so the call waits for the first, which takes no more calls either.
TEST_F(PoolTest, ACallThatWaitsIsServedAfterThePauseAlthoughNothingElseHappens) {
  ScriptedServer& server = Serve(OneStream());
  const std::string address = server.address();
  options_.max_reconnect_backoff = absl::Milliseconds(50);
  MakePool({server.endpoint()});
  Ask("stays");
  Until([&] { return server.calls() == 1; });
  Run([&] { server.CloseListener(); });
  Caller& waiting = Ask("kettle");
  Until([this] { return metrics_.connect_failures.value() == 1; });
  EXPECT_FALSE(waiting.Over());
  ScriptedServer& again = Serve({}, address);
  again.serve = Echo;
  Await(waiting);
  EXPECT_EQ(waiting.body, "kettle");
}

TEST_F(PoolTest, ShutdownFailsEverythingAndWhatComesLater) {
  ScriptedServer& server = Serve(OneStream());
  options_.max_connections_per_endpoint = 1;
  MakePool({server.endpoint()});
  Caller& running = Ask();
  Until([&] { return server.calls() == 1; });
  Caller& waiting = Ask();
  Run([this] { pool_->Shutdown(); });
  Caller& late = Ask();
  for (Caller* caller : {&running, &waiting, &late}) {
    Await(*caller);
    EXPECT_EQ(caller->failure->status, wire::StatusCode::kUnavailable);
  }
  EXPECT_THAT(waiting.failure->message, HasSubstr("shutting down"));
  EXPECT_THAT(late.failure->message, HasSubstr("shutting down"));
}

TEST_F(PoolTest, TheWindowOfAReplyOpensAsTheCallerConsumes) {
  session_options_.stream_window_bytes = 64 << 10;
  ScriptedServer& server = Serve();
  server.serve = [](Ear& ear) { AnswerOk(*ear.stream, std::string(1 << 20, 'r')); };
  MakePool({server.endpoint()});
  consumes_ = false;
  Caller& caller = Ask();
  Until([&] { return caller.body.size() == 64 << 10; });
  Run([] {});
  EXPECT_EQ(caller.body.size(), size_t{64 << 10}) << "no more than one window";
  Run([&] {
    caller.consume = true;
    caller.call->Consume(64 << 10);
  });
  Await(caller);
  EXPECT_EQ(caller.body.size(), size_t{1 << 20});
}

TEST_F(PoolTest, AUnixSocketIsAnEndpoint) {
  const std::string path = ::testing::TempDir() + "pool_test_" + std::to_string(::getpid());
  ScriptedServer& server = Serve({}, "unix:" + path);
  server.serve = Echo;
  MakePool({*net::ParseAddress("unix:" + path)});
  Caller& caller = Ask("kettle");
  Await(caller);
  EXPECT_EQ(caller.body, "kettle");
}

}  // namespace
}  // namespace singleflight::upstream::testing
