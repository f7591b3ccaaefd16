// When an endpoint is ejected, for how long, and where calls go meanwhile.

#include "server/upstream/ejection.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Lt;

base::Instant At(absl::Duration since) {
  return base::After(base::Instant(), absl::Hours(1) + since);
}

TEST(EjectionsTest, EachInARowTakesTwiceAsLongUpToFiveMinutes) {
  Ejections ejections;
  base::Instant now = At(absl::ZeroDuration());
  std::vector<int64_t> seconds;
  for (int i = 0; i < 7; ++i) {
    const absl::Duration time = ejections.Begin({}, now);
    EXPECT_EQ(ejections.until(), base::After(now, time));
    seconds.push_back(absl::ToInt64Seconds(time));
    now = base::After(now, time);
    ejections.End(now);
  }
  EXPECT_THAT(seconds, ElementsAre(10, 20, 40, 80, 160, 300, 300));
  EXPECT_EQ(ejections.count(), 7u);
}

TEST(EjectionsTest, ServingAsLongAsTheLatestTookTakesOneDoublingBack) {
  Ejections ejections;
  base::Instant now = At(absl::ZeroDuration());
  for (int i = 0; i < 3; ++i) {
    now = base::After(now, ejections.Begin({}, now));  // 10 s, 20 s, 40 s
    ejections.End(now);
  }
  now = base::After(now, absl::Seconds(45));
  EXPECT_EQ(ejections.Begin({}, now), absl::Seconds(40));
  ejections.End(now);
  now = base::After(now, absl::Hours(1));
  EXPECT_EQ(ejections.Begin({}, now), absl::Seconds(10));
}

TEST(EjectionsTest, TheShareHasABoundAndOneMayAlwaysBeEjected) {
  const EjectionOptions half;
  EXPECT_TRUE(MayEjectOneMore(half, 2, 0));
  EXPECT_FALSE(MayEjectOneMore(half, 2, 1));
  EXPECT_FALSE(MayEjectOneMore(half, 3, 1));
  EXPECT_TRUE(MayEjectOneMore(half, 4, 1));
  EXPECT_TRUE(MayEjectOneMore({.max_share = 1}, 3, 0));
}

TEST(EjectionsTest, TheShareGrowsFromATenthToAll) {
  const auto share = [](int seconds) {
    return ShareAfterReturn(At({}), absl::Seconds(10), At(absl::Seconds(seconds)));
  };
  EXPECT_DOUBLE_EQ(share(0), 0.1);
  EXPECT_DOUBLE_EQ(share(5), 0.5);
  EXPECT_DOUBLE_EQ(share(10), 1);
  EXPECT_DOUBLE_EQ(ShareAfterReturn(At({}), absl::ZeroDuration(), At({})), 1);
}

// Listens, and never accepts.
class MuteServer {
 public:
  explicit MuteServer(const std::string& address) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    const net::Endpoint at = *net::ParseAddress(address);
    EXPECT_EQ(::bind(fd_, at.data(), at.size()), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
  }
  ~MuteServer() { ::close(fd_); }

 private:
  const int fd_;
};

class EjectionTest : public PoolTest {
 protected:
  EjectionTest() { options_.ejection->failures = 3; }

  static void AnswerWith(Ear& ear, const char* status) {
    ear.stream->SendHeaders(Block(ReplyFields()), false);
    ear.stream->Finish(Trailing({{"grpc-status", status}}));
  }
  static void Refuse(Ear& ear) { AnswerWith(ear, "14"); }

  ScriptedServer& ServeWith(void (*serve)(Ear&)) {
    ScriptedServer& server = Serve();
    server.serve = serve;
    return server;
  }

  void MakeSeatedPool(const std::vector<ScriptedServer*>& servers) {
    std::vector<net::Endpoint> endpoints;
    for (const ScriptedServer* server : servers) {
      endpoints.push_back(server->endpoint());
      seats_.push_back(
          {std::make_shared<EndpointCells>(), std::make_shared<EndpointShared>(), false});
    }
    MakePool({});
    Run([&] {
      pool_->SetEndpoints(std::make_shared<const EndpointList>(EndpointList{endpoints, ""}),
                          seats_);
    });
  }

  // Likewise, with a connection to each of them.
  void MakeConnectedPool(const std::vector<ScriptedServer*>& servers) {
    MakeSeatedPool(servers);
    Await(Ask());
    Until([&] { return metrics_.connections.value() == static_cast<int64_t>(servers.size()); });
  }

  EndpointShared& shared(size_t at) { return *seats_.at(at).shared; }
  void AskAndAwait(int calls) {
    for (int i = 0; i < calls; ++i) Await(Ask());
  }

  std::vector<EndpointSeat> seats_;
};

TEST_F(EjectionTest, UnavailableInARowIsToldAndASuccessBeginsAnew) {
  ScriptedServer& server = ServeWith(Refuse);
  MakePool({server.endpoint()});
  AskAndAwait(2);
  server.serve = Echo;
  AskAndAwait(1);
  server.serve = Refuse;
  AskAndAwait(2);
  EXPECT_THAT(failing_, IsEmpty());
  AskAndAwait(1);
  EXPECT_THAT(failing_, ElementsAre("status UNAVAILABLE"));
}

TEST_F(EjectionTest, StatusesThatCallersBringAboutSayNothing) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  server.serve = [](Ear& ear) { AnswerWith(ear, "4"); };
  AskAndAwait(5);
  server.serve = [](Ear& ear) { ear.stream->Reset(http2::ErrorCode::kCancel); };
  AskAndAwait(5);
  EXPECT_THAT(failing_, IsEmpty());
}

TEST_F(EjectionTest, AResetByTheBackendCounts) {
  ScriptedServer& server = Serve();
  MakePool({server.endpoint()});
  server.serve = [](Ear& ear) { ear.stream->Reset(http2::ErrorCode::kInternalError); };
  AskAndAwait(3);
  EXPECT_THAT(failing_, ElementsAre("a reset stream (INTERNAL_ERROR)"));
}

TEST_F(EjectionTest, ALostConnectionIsOneFailureHoweverManyCallsItTakes) {
  ScriptedServer& server = Serve();
  MakeSeatedPool({&server});
  for (int i = 0; i < 5; ++i) Ask();
  Until([&] { return server.calls() == 5; });
  Run([&] { server.Stop(); });
  for (const auto& caller : callers_) Await(*caller);
  EXPECT_EQ(shared(0).failures, 1u);
}

TEST_F(EjectionTest, NothingThatEndsACallSoonAfterItGotItsStreamCounts) {
  ScriptedServer& server = Serve();
  MakeSeatedPool({&server});
  const auto give_up = [&](core::Unanswered why) {
    const size_t before = server.calls();
    Caller& caller = Ask();
    Until([&] { return server.calls() == before + 1; });
    Run([&] { caller.call->Cancel(why); });
  };
  give_up(core::Unanswered::kDeadline);
  give_up(core::Unanswered::kCancelled);
  give_up(core::Unanswered::kFlightTimeout);
  EXPECT_EQ(shared(0).failures, 0u);
}

TEST_F(EjectionTest, ADeadlineWithoutAnAnswerAndTheTimeoutOfAFlightCountAfterASecond) {
  ScriptedServer& server = Serve();
  MakeSeatedPool({&server});
  Caller& silent = Ask();
  Caller& late = Ask();
  Caller& answered = Ask();
  Until([&] { return server.calls() == 3; });
  Run([&] { server.call(2).stream->SendHeaders(Block(ReplyFields()), false); });
  Until([&] {
    const core::UpstreamTrip& trip = answered.call->trip();
    return trip.first != base::Instant() && on_.worker().Now() > base::After(trip.sent, kPatience);
  });
  Run([&] { answered.call->Cancel(core::Unanswered::kDeadline); });
  EXPECT_EQ(shared(0).failures, 0u);
  Run([&] { silent.call->Cancel(core::Unanswered::kDeadline); });
  EXPECT_EQ(shared(0).failures, 1u);
  Run([&] { late.call->Cancel(core::Unanswered::kFlightTimeout); });
  EXPECT_EQ(shared(0).failures, 2u);
}

TEST_F(EjectionTest, AnEjectedEndpointGetsNoCallUntilItIsBack) {
  ScriptedServer& bad = ServeWith(Echo);
  ScriptedServer& good = ServeWith(Echo);
  MakeConnectedPool({&bad, &good});
  shared(0).ejected = true;
  const size_t before = bad.calls();
  AskAndAwait(6);
  EXPECT_EQ(bad.calls(), before);
  shared(0).ejected = false;
  AskAndAwait(6);
  EXPECT_EQ(bad.calls(), before + 3);
  EXPECT_EQ(metrics_.to_ejected.value(), 0u);
}

TEST_F(EjectionTest, OneThatIsBackTakesFewCallsAtFirst) {
  ScriptedServer& back = ServeWith(Echo);
  ScriptedServer& other = ServeWith(Echo);
  options_.ejection->slow_start = absl::Hours(10);
  MakeConnectedPool({&back, &other});
  Run([&] { shared(0).back = on_.worker().Now().time_since_epoch().count(); });
  const size_t before = back.calls();
  AskAndAwait(100);
  EXPECT_THAT(back.calls() - before, AllOf(Gt(0u), Lt(30u)));
}

TEST_F(EjectionTest, WithoutAnotherThatCanBeReachedItIsAskedAllTheSame) {
  ScriptedServer& bad = ServeWith(Echo);
  ScriptedServer& good = ServeWith(Echo);
  MakeConnectedPool({&bad, &good});
  shared(0).ejected = true;
  Run([&] { good.Stop(); });
  Until([&] { return metrics_.connections.value() == 1; });
  Caller& caller = Ask();
  Await(caller);
  EXPECT_EQ(caller.body, "ask");
  EXPECT_EQ(metrics_.to_ejected.value(), 1u);
}

// The kernel connects to it, and nobody answers there.
TEST_F(EjectionTest, OneThatIsOnlyBeingConnectedToAgainKeepsNoCallFromAnEjectedOne) {
  options_.connect_timeout = absl::Hours(1);
  ScriptedServer& bad = ServeWith(Echo);
  ScriptedServer& dead = ServeWith(Echo);
  const std::string address = dead.address();
  MakeConnectedPool({&bad, &dead});
  shared(0).ejected = true;
  Run([&] { dead.Stop(); });
  Until([&] { return metrics_.connections.value() == 1; });
  Until([&] {
    Begin("ask", 0);  // finds that nobody listens
    return metrics_.connect_failures.value() > 0;
  });
  const MuteServer mute(address);
  Until([&] {
    Begin("ask", 0);
    return states_.back() == EndpointState::kConnecting;
  });
  for (const auto& caller : callers_) Await(*caller);
  EXPECT_EQ(callers_.back()->body, "ask");
}

TEST_F(EjectionTest, LeastRequestAndPickFirstLeaveItOutToo) {
  for (const auto mode : {LoadBalancing::kLeastRequest, LoadBalancing::kPickFirst}) {
    options_.load_balancing = mode;
    ScriptedServer& bad = ServeWith(Echo);
    ScriptedServer& good = ServeWith(Echo);
    seats_.clear();
    MakeSeatedPool({&bad, &good});
    shared(0).ejected = true;
    AskAndAwait(4);
    EXPECT_EQ(bad.calls(), 0u);
    EXPECT_EQ(good.calls(), 4u);
  }
}

TEST_F(EjectionTest, SwitchedOffNothingIsCounted) {
  options_.ejection.reset();
  ScriptedServer& server = ServeWith(Refuse);
  MakeSeatedPool({&server});
  AskAndAwait(9);
  EXPECT_EQ(shared(0).failures, 0u);
  EXPECT_THAT(failing_, IsEmpty());
}

}  // namespace
}  // namespace singleflight::upstream::testing
