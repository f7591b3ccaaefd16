// Health checks of endpoints: what is asked, what answers mean, and where calls go.

#include <gmock/gmock.h>

#include "server/upstream/health_watch.h"
#include "tests/upstream/pool_fixture.h"

namespace singleflight::upstream::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(HealthMessagesTest, ARequestNamesTheServiceOrNone) {
  EXPECT_EQ(HealthRequest(""), std::string(5, '\0'));
  EXPECT_EQ(HealthRequest("shop"), std::string("\0\0\0\0\x06\x0a\x04shop", 11));
  const std::string name(200, 'x');
  EXPECT_EQ(HealthRequest(name), std::string("\0\0\0\0\xcb\x0a\xc8\x01", 8) + name);
}

TEST(HealthMessagesTest, AReplyHasAStatusAndPerhapsFieldsThatAreNotKnown) {
  EXPECT_EQ(ServingStatus(""), 0u);
  EXPECT_EQ(ServingStatus("\x08\x01"), 1u);
  EXPECT_EQ(ServingStatus("\x12\x02zz\x08\x02"), 2u);
  EXPECT_EQ(ServingStatus(std::string("\x15\0\0\0\0\x08\x03", 7)), 3u);
  EXPECT_EQ(ServingStatus("\x08"), absl::nullopt);
  EXPECT_EQ(ServingStatus("\x12\x7fz"), absl::nullopt);
  EXPECT_EQ(ServingStatus("\x08\x80\x80"), absl::nullopt);
}

class HealthTest : public PoolTest {
 protected:
  HealthTest() {
    options_.health_check = HealthCheckOptions{"shop", absl::Milliseconds(1), absl::Seconds(30)};
  }

  void MakeCheckingPool(const std::vector<ScriptedServer*>& servers) {
    EndpointList list;
    for (const ScriptedServer* server : servers) {
      list.endpoints.push_back(server->endpoint());
      seats_.push_back(
          {std::make_shared<EndpointCells>(), std::make_shared<EndpointShared>(), false, true});
    }
    MakePool({});
    Run([&] { pool_->SetEndpoints(std::make_shared<const EndpointList>(list), seats_); });
  }

  // The first `n`, as soon as there are so many.
  std::vector<std::string> Findings(size_t n) {
    std::vector<std::string> first;
    Until([&] {
      if (health_.size() >= n) first.assign(health_.begin(), health_.begin() + n);
      return health_.size() >= n;
    });
    return first;
  }

  static std::string PathOf(Ear& ear) { return std::string(ear.block.Find(":path").value_or("")); }
  static bool IsHealth(Ear& ear) { return PathOf(ear).find("grpc.health") != std::string::npos; }

  static void Say(Ear& ear, char status) {
    ear.stream->Send(base::Slice(std::string("\0\0\0\0\x02\x08", 6) + status));
  }
  static void AnswerWatch(Ear& ear, char status) {
    ear.stream->SendHeaders(Block(ReplyFields()), false);
    Say(ear, status);
  }
  static void EndWith(Ear& ear, const char* status) {
    ear.stream->Finish(Trailing({{"grpc-status", status}}));
  }
  static void Refuse(Ear& ear, const char* status) {
    ear.stream->SendHeaders(Block(ReplyFields()), false);
    EndWith(ear, status);
  }

  std::vector<EndpointSeat> seats_;
};

TEST_F(HealthTest, AWatchIsOpenedWithoutACallAndTellsEachChange) {
  ScriptedServer& server = Serve();
  MakeCheckingPool({&server});
  Until([&] { return server.calls() == 1 && server.call(0).ended; });
  EXPECT_EQ(PathOf(server.call(0)), "/grpc.health.v1.Health/Watch");
  EXPECT_EQ(server.call(0).body, HealthRequest("shop"));
  Run([&] { AnswerWatch(server.call(0), 2); });
  Until([&] { return health_.size() == 1; });
  Run([&] { Say(server.call(0), 1); });
  Until([&] { return health_.size() == 2; });
  EXPECT_THAT(health_, ElementsAre("it says NOT_SERVING", "serves"));
  EXPECT_EQ(server.calls(), 1u);
}

TEST_F(HealthTest, OfManyFindingsTheLatestIsToldAfterAPauseAndWhatIsNoNewsIsNot) {
  ScriptedServer& server = Serve();
  MakeCheckingPool({&server});
  Until([&] { return server.calls() == 1 && server.call(0).ended; });
  const base::Instant before = Now();
  Run([&] { AnswerWatch(server.call(0), 1); });
  Until([&] { return health_.size() == 1; });
  Run([&] {
    for (int i = 0; i < 1000; ++i) Say(server.call(0), static_cast<char>(1 + i % 2));
    Say(server.call(0), 3);
  });
  Until([&] { return health_.size() == 2; });
  EXPECT_GE(Now(), base::After(before, HealthWatch::kBetweenFindings));
  EXPECT_THAT(health_, ElementsAre("serves", "it says SERVICE_UNKNOWN"));
}

TEST_F(HealthTest, OneWithoutWatchIsAskedByCheckAgainAndAgain) {
  ScriptedServer& server = Serve();
  server.serve = [](Ear& ear) {
    if (PathOf(ear) == "/grpc.health.v1.Health/Watch") return Refuse(ear, "12");
    AnswerWatch(ear, 1);
    EndWith(ear, "0");
  };
  MakeCheckingPool({&server});
  EXPECT_THAT(Findings(3), Each(std::string("serves")));
  EXPECT_EQ(PathOf(server.call(1)), "/grpc.health.v1.Health/Check");
}

TEST_F(HealthTest, OneThatKnowsNeitherCountsAsHealthyAndIsLeftInPeace) {
  ScriptedServer& server = Serve();
  server.serve = [](Ear& ear) { IsHealth(ear) ? Refuse(ear, "12") : Echo(ear); };
  MakeCheckingPool({&server});
  Until([&] { return !health_.empty(); });
  Await(Ask());
  EXPECT_THAT(health_, ElementsAre("serves"));
  EXPECT_EQ(server.calls(), 3u);
}

TEST_F(HealthTest, AnErrorOrNoMessageIsAFailureAndItIsAskedAgain) {
  ScriptedServer& server = Serve();
  server.serve = [&](Ear& ear) {
    if (server.calls() == 1) return Refuse(ear, "5");
    ear.stream->SendHeaders(Block(ReplyFields()), false);
    ear.stream->Send(base::Slice(std::string("\1\0\0\0\0", 5)));
  };
  MakeCheckingPool({&server});
  EXPECT_THAT(Findings(2), ElementsAre("Watch ended with NOT_FOUND",
                                       "Watch was answered with what is no message"));
}

TEST_F(HealthTest, NoAnswerInTimeIsAFailure) {
  options_.health_check->timeout = absl::Milliseconds(1);
  ScriptedServer& server = Serve();
  MakeCheckingPool({&server});
  EXPECT_THAT(Findings(1), ElementsAre("Watch had no answer within 1ms"));
}

// As proxies on the way end every long call. The third Watch is refused, which is a finding.
TEST_F(HealthTest, WhatAWatchSaidHoldsWhenItEndsAndItIsAskedAgain) {
  options_.health_check->interval = absl::Milliseconds(200);
  ScriptedServer& server = Serve();
  server.serve = [&](Ear& ear) {
    if (server.calls() >= 3) return Refuse(ear, "5");
    AnswerWatch(ear, 1);
    if (server.calls() == 1) return EndWith(ear, "14");
    // Not before the answer has been written.
    on_.worker().Post([this, &ear] {
      on_.worker().Post([&ear] { ear.stream->Reset(http2::ErrorCode::kInternalError); });
    });
  };
  MakeCheckingPool({&server});
  const std::string refused = "Watch ended with NOT_FOUND";
  std::vector<std::string> found;
  Until([&] {
    found = health_;
    return !found.empty() && found.back() == refused;
  });
  EXPECT_THAT(found, Each(AnyOf("serves", refused)));
}

TEST_F(HealthTest, AfterItsConnectionItGoesOnWithTheNext) {
  ScriptedServer& server = Serve();
  server.serve = [](Ear& ear) { AnswerWatch(ear, 1); };
  MakeCheckingPool({&server});
  Until([&] { return health_.size() == 1; });
  Run([&] { server.session(0).FinishShutdown(); });
  Until([&] { return health_.size() == 2; });
  EXPECT_THAT(health_, ElementsAre("serves", "serves"));
  Until([&] { return server.connections() == 1; });
}

TEST_F(HealthTest, OneThatAnswersAndHangsUpIsConnectedToOncePerInterval) {
  constexpr std::chrono::milliseconds kInterval(50);
  options_.health_check->interval = absl::FromChrono(kInterval);
  ScriptedServer& server = Serve();
  server.serve = [&](Ear& ear) {
    Refuse(ear, "5");
    on_.worker().Post([&server] {
      if (server.connections() > 0) server.session(0).FinishShutdown();
    });
  };
  const base::Instant begun = Now();
  MakeCheckingPool({&server});
  Until([&] { return server.accepted() >= 4; });
  EXPECT_GE(Now() - begun, 3 * kInterval);
}

TEST_F(HealthTest, TheBreakerRefusesNoConnectionThatItAsksOver) {
  limits_.breaker = std::make_shared<Breaker>(BreakerOptions{{}, {}, 1});
  ScriptedServer& one = Serve();
  ScriptedServer& other = Serve();
  MakeCheckingPool({&one, &other});
  Until([&] { return one.calls() == 1 && other.calls() == 1; });
  EXPECT_EQ(limits_.breaker->used(BreakerBound::kConnections), 2);
  Run([&] { pool_.reset(); });
  EXPECT_EQ(limits_.breaker->used(BreakerBound::kConnections), 0);
}

TEST_F(HealthTest, UnhealthyOnesGetNoCallsAndIfAllAreCallsSaySo) {
  ScriptedServer& bad = Serve();
  ScriptedServer& good = Serve();
  bad.serve = good.serve = [](Ear& ear) { IsHealth(ear) ? AnswerWatch(ear, 1) : Echo(ear); };
  MakeCheckingPool({&bad, &good});
  Until([&] { return health_.size() == 2; });
  seats_[0].shared->unhealthy = true;
  for (int i = 0; i < 4; ++i) Await(Ask());
  EXPECT_EQ(bad.calls(), 1u);
  EXPECT_EQ(good.calls(), 5u);
  seats_[1].shared->unhealthy = true;
  Caller& caller = Ask();
  Await(caller);
  EXPECT_EQ(caller.failure->status, wire::StatusCode::kUnavailable);
  EXPECT_THAT(caller.failure->message,
              AllOf(HasSubstr(bad.address() + " is unhealthy (health_check)"),
                    HasSubstr(good.address() + " is unhealthy (health_check)")));
  seats_[0].shared->unhealthy = false;
  Await(Ask());
  EXPECT_EQ(callers_.back()->body, "ask");
}

TEST_F(HealthTest, ItEndsWithThePoolsRetirementOrTheEndpoints) {
  ScriptedServer& server = Serve();
  ScriptedServer& other = Serve();
  MakeCheckingPool({&server, &other});
  Until([&] { return server.calls() == 1 && other.calls() == 1; });
  Run([&] { pool_->SetDrained(server.endpoint(), true); });
  Until([&] { return server.connections() == 0; });
  Run([&] { pool_->Retire(); });
  Until([&] { return other.connections() == 0; });
}

TEST_F(HealthTest, AWorkerThatIsNotToAskConnectsForCallsOnly) {
  ScriptedServer& server = Serve();
  server.serve = Echo;
  MakePool({server.endpoint()});
  Await(Ask());
  EXPECT_EQ(server.calls(), 1u);
  EXPECT_THAT(health_, IsEmpty());
}

}  // namespace
}  // namespace singleflight::upstream::testing
