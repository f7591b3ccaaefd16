// Calls that upstream certainly had not begun are sent again, the others never.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using Kind = core::UpstreamFailure::Kind;

class ResendTest : public PoolTest {
 protected:
  void Refuse(Ear& ear) { ear.stream->Reset(http2::ErrorCode::kRefusedStream); }
};

// PITFALLS 26
TEST_F(ResendTest, ACallAboveTheLastStreamOfAGoAwayIsSentOnAnotherConnection) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& running = Ask("runs");
  Until([&] { return server.calls() == 1 && server.call(0).ended; });
  // Both together: the server ends its side before it has read the second call.
  Run([&] {
    server.session(0).FinishShutdown();
    Begin("late", 3);
  });
  Until([&] { return server.calls() == 2 && server.call(1).ended; });
  EXPECT_EQ(server.connections(), 2u);
  EXPECT_EQ(server.call(1).body, "late");
  EXPECT_EQ(metrics_.resent.value(), 1u);
  Run([&] {
    Echo(server.call(0));
    Echo(server.call(1));
  });
  Await(running);
  Await(*callers_.back());
  EXPECT_EQ(running.body, "runs");
  EXPECT_EQ(callers_.back()->body, "late");
  EXPECT_EQ(callers_.back()->sent, 4u) << "once";
  Until([&] { return server.connections() == 1; });
}

// PITFALLS 26
TEST_F(ResendTest, ARefusedCallIsSentAgainAsOftenAsItsBoundAllows) {
  ScriptedServer& server = Serve();
  server.serve = [this](Ear& ear) { Refuse(ear); };
  MakePool({server.endpoint()});
  Caller& caller = Ask("ask", 3);
  Await(caller);
  EXPECT_EQ(server.calls(), 4u);
  EXPECT_EQ(caller.failure->kind, Kind::kNotStarted);
  EXPECT_EQ(caller.failure->status, wire::StatusCode::kUnavailable);
  EXPECT_EQ(caller.call->trip().resends, 3);
  EXPECT_EQ(metrics_.resent.value(), 3u);
  EXPECT_EQ(metrics_.begun.value(), 1u);
  EXPECT_EQ(Unanswered(core::Unanswered::kRefused), 1u);
}

TEST_F(ResendTest, ACallOfAFlightIsLeftToTheFlight) {
  ScriptedServer& server = Serve();
  server.serve = [this](Ear& ear) { Refuse(ear); };
  MakePool({server.endpoint()});
  Caller& caller = Ask("ask", 0);
  Await(caller);
  EXPECT_EQ(server.calls(), 1u);
  EXPECT_EQ(caller.failure->kind, Kind::kNotStarted);
}

TEST_F(ResendTest, WhatAFlightSendsAgainIsCounted) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({server.endpoint()});
  again_ = true;
  Await(Ask("kettle"));
  EXPECT_EQ(metrics_.resent.value(), 1u);
  EXPECT_EQ(metrics_.begun.value(), 1u);
}

TEST_F(ResendTest, TheSameBytesAreSentAgainAndReportedOnce) {
  const std::string message(200 << 10, 'm');
  ScriptedServer& server = Serve();
  server.serve = [&](Ear& ear) {
    if (server.calls() == 1) return Refuse(ear);
    Echo(ear);
  };
  MakePool({server.endpoint()});
  Caller& caller = Ask(message);
  Await(caller);
  ASSERT_EQ(server.calls(), 2u);
  EXPECT_EQ(server.call(1).body, message);
  EXPECT_EQ(server.call(1).headers, server.call(0).headers);
  EXPECT_EQ(caller.body, message);
  EXPECT_EQ(caller.sent, message.size());
}

TEST_F(ResendTest, BytesThatComeAfterTheRefusalFollowThoseThatWereSentBefore) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& caller = Ask("");
  Run([&] { caller.call->Send(base::Slice("one ")); });
  Until([&] { return server.calls() == 1 && server.call(0).body == "one "; });
  Run([&] { Refuse(server.call(0)); });
  Until([&] { return server.calls() == 2; });
  Run([&] {
    caller.call->Send(base::Slice("two"));
    caller.call->Finish(Trailing({{"x-trailer", "t"}}));
  });
  Until([&] { return server.call(1).ended; });
  EXPECT_EQ(server.call(1).body, "one two");
  EXPECT_EQ(server.call(1).trailing, Fields({{"x-trailer", "t"}}));
  EXPECT_EQ(caller.sent, 7u);
}

TEST_F(ResendTest, ACallThatHasSentTooMuchIsNotSentAgain) {
  ScriptedServer& server = Serve();
  server.serve = [this](Ear& ear) { Refuse(ear); };
  MakePool({server.endpoint()});
  Caller& caller = Ask(std::string(300 << 10, 'm'));
  Await(caller);
  EXPECT_EQ(server.calls(), 1u);
  EXPECT_EQ(caller.failure->kind, Kind::kNotStarted);
}

TEST_F(ResendTest, ACallWhoseReplyHasBegunIsNotSentAgain) {
  ScriptedServer& server = Serve();
  server.serve = [](Ear& ear) { ear.stream->SendHeaders(Block(ReplyFields()), false); };
  MakePool({server.endpoint()});
  Caller& caller = Ask();
  Until([&] { return !caller.initial.empty(); });
  Run([&] { Refuse(server.call(0)); });
  Await(caller);
  EXPECT_EQ(server.calls(), 1u);
}

TEST_F(ResendTest, AResetOfAnotherKindGoesToTheCaller) {
  ScriptedServer& server = Serve();
  server.serve = [](Ear& ear) { ear.stream->Reset(http2::ErrorCode::kEnhanceYourCalm); };
  MakePool({server.endpoint()});
  Caller& caller = Ask();
  Await(caller);
  EXPECT_EQ(server.calls(), 1u);
  EXPECT_EQ(caller.failure->kind, Kind::kReset);
  EXPECT_EQ(caller.failure->reset_code, 11u);
  EXPECT_EQ(caller.failure->status, wire::StatusCode::kResourceExhausted);
}

// PITFALLS 31
TEST_F(ResendTest, AReplyThatIsWholeBeforeTheRequestEndsTheCall) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  Caller& caller = Ask("");
  Run([&] { caller.call->Send(base::Slice("half")); });
  Until([&] { return server.calls() == 1 && server.call(0).body == "half"; });
  Run([&] { AnswerOk(*server.call(0).stream, "enough"); });
  Await(caller);
  EXPECT_EQ(caller.body, "enough");
  EXPECT_FALSE(caller.failure.has_value());
  Run([&] { caller.call->Send(base::Slice("into the void")); });
  Until([&] { return server.call(0).closed.has_value(); });
}

// PITFALLS 42
TEST_F(ResendTest, StreamIdsThatEndOpenANewConnectionAndCostNoCall) {
  session_options_.first_stream_id = (1 << 30) - 5;
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({server.endpoint()});
  for (int i = 0; i < 12; ++i) {
    Caller& caller = Ask("kettle");
    Await(caller);
    EXPECT_EQ(caller.body, "kettle");
  }
  EXPECT_EQ(server.calls(), 12u);
  EXPECT_GE(server.accepted(), 3);
  Until([&] { return server.connections() <= 1; });
}

}  // namespace
}  // namespace singleflight::upstream::testing
