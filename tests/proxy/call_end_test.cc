// What observers of calls are told, for every way in which a call can end.

#include "server/proxy/call_end.h"

#include "tests/proxy/proxy_fixture.h"

namespace singleflight::proxy::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::StatusCode;

// Writes down what it hears, for a call may be gone by the time that a test looks.
class Notes final : public CallObserver {
 public:
  struct End {
    std::string path;  // empty: the request was no gRPC call
    bool routed;
    CallRole role;
    absl::optional<StatusCode> code;
    absl::Duration took;
    std::string peer;
    CallDetails details;
  };

  void OnCallBegan(const model::Request&, CallDetails& details) override {
    ++begun;
    details.kept = std::make_shared<size_t>(begun);
  }
  void OnCallEnded(const CallEnd& end) override {
    ends.push_back({end.request == nullptr ? "" : std::string(end.request->path()),
                    end.route != nullptr, end.role, end.code, end.took, std::string(end.peer),
                    std::move(end.details)});
  }

  size_t begun = 0;
  std::vector<End> ends;
};

class CallEndTest : public ProxyTest {
 protected:
  void SetUp() override {
    ProxyTest::SetUp();
    context_.observers = observers_;
    context_.peer = "127.0.0.1:9";
  }

  // The only call that has ended since this was asked last.
  Notes::End Ended() {
    EXPECT_THAT(notes_->ends, SizeIs(1));
    Notes::End end = std::move(notes_->ends.at(0));
    notes_->ends.clear();
    return end;
  }

  const std::shared_ptr<Notes> notes_ = std::make_shared<Notes>();
  const std::vector<std::shared_ptr<CallObserver>> observers_ = {notes_};
};

TEST_F(CallEndTest, ALeaderWaitsForItsFlight) {
  auto caller = Ask(kGet, "id-7");
  Advance(20);
  EXPECT_THAT(notes_->ends, IsEmpty());
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  const Notes::End end = Ended();
  EXPECT_EQ(end.path, kGet);
  EXPECT_TRUE(end.routed);
  EXPECT_EQ(end.role, CallRole::kLeader);
  EXPECT_EQ(end.code, StatusCode::kOk);
  EXPECT_EQ(end.took, absl::Milliseconds(20));
  EXPECT_EQ(end.peer, "127.0.0.1:9");
}

TEST_F(CallEndTest, BytesAreThoseOfMessagesAsFramed) {
  auto caller = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  const CallDetails details = Ended().details;
  EXPECT_EQ(details.request_bytes, 5 + 4);
  EXPECT_EQ(details.reply_bytes, 5 + 6);
}

TEST_F(CallEndTest, AFollowerKnowsItsLeader) {
  auto leader = Ask(kGet, "id-7", {{"traceparent", "leader's"}});
  auto follower = Ask(kGet, "id-7", {{"traceparent", "follower's"}});
  upstream_.latest().trip().endpoint = std::make_shared<const std::string>("127.0.0.1:50051");
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  ASSERT_THAT(notes_->ends, SizeIs(2));
  const Notes::End& end = notes_->ends[1];
  EXPECT_EQ(end.role, CallRole::kFollower);
  ASSERT_NE(end.details.flight, nullptr);
  EXPECT_EQ(end.details.flight->asked->fields().Find("traceparent"), "leader's");
  EXPECT_EQ(*end.details.flight->trip.endpoint, "127.0.0.1:50051");
  EXPECT_NE(end.details.key, 0u);
  EXPECT_EQ(end.details.key, notes_->ends[0].details.key);
}

TEST_F(CallEndTest, ARelayHasAnUpstreamCallOfItsOwn) {
  auto caller = Ask(kWatch, "id-7");
  upstream_.latest().trip().begun = loop_.Now();
  Advance(20);
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  const Notes::End end = Ended();
  EXPECT_EQ(end.role, CallRole::kRelay);
  EXPECT_EQ(end.code, StatusCode::kOk);
  EXPECT_EQ(end.details.flight, nullptr);
  EXPECT_EQ(end.details.own_trip.begun, loop_.Now() - std::chrono::milliseconds(20));
  EXPECT_EQ(end.details.key, 0u);
}

TEST_F(CallEndTest, TheBackendsStatusIsWhatCallersAreTold) {
  auto shared = Ask(kGet, "id-7");
  Upstream([](FakeCall& call) { call.TrailersOnly(StatusCode::kNotFound); });
  EXPECT_EQ(Ended().code, StatusCode::kNotFound);
  auto relayed = Ask(kWatch, "id-7");
  Upstream([](FakeCall& call) { call.TrailersOnly(StatusCode::kAborted); });
  EXPECT_EQ(Ended().code, StatusCode::kAborted);
}

TEST_F(CallEndTest, AResetCountsAsTheStatusThatCallersMakeOfIt) {
  auto caller = Ask(kWatch, "id-7");
  Upstream([](FakeCall& call) { call.Fail(core::UpstreamFailure::Kind::kReset); });
  EXPECT_EQ(Ended().code, StatusCode::kCancelled);
}

TEST_F(CallEndTest, ACallerThatLeavesIsToldNothing) {
  auto caller = Ask(kGet, "id-7");
  Reset(*caller);
  const Notes::End end = Ended();
  EXPECT_EQ(end.role, CallRole::kLeader);
  EXPECT_EQ(end.code, absl::nullopt);
}

TEST_F(CallEndTest, ACallerThatLeavesBeforeItsRequestIsWholeHasDeparted) {
  auto caller = Open(kGet);
  Reset(*caller);
  EXPECT_EQ(Ended().role, CallRole::kDeparted);
}

TEST_F(CallEndTest, ACallThatIsRefusedBeforeItHasARole) {
  auto caller = Open(kGet, {{"grpc-timeout", "10m"}});
  Advance(10);
  const Notes::End end = Ended();
  EXPECT_EQ(end.role, CallRole::kRefused);
  EXPECT_EQ(end.code, StatusCode::kDeadlineExceeded);
  EXPECT_EQ(metrics_.routes[0]->refused.value(), 1u);
  EXPECT_EQ(metrics_.routes[0]->departed.value(), 0u);
}

TEST_F(CallEndTest, ACallThatFindsNoRoomCountsForItsRoute) {
  auto aboard = Ask(kGet, "id-7");
  budget_.set_max(0);
  auto refused = Open(kGet);
  EXPECT_EQ(Ended().code, StatusCode::kResourceExhausted);
  Reset(*aboard);
  EXPECT_EQ(metrics_.routes[0]->calls.value(), 2u);
  EXPECT_EQ(metrics_.routes[0]->refused.value(), 1u);
}

TEST_F(CallEndTest, ACallThatNoRouteTakesIsHeardOf) {
  auto caller = Open("/nobody.Knows/This");
  const Notes::End end = Ended();
  EXPECT_EQ(end.path, "/nobody.Knows/This");
  EXPECT_FALSE(end.routed);
  EXPECT_EQ(end.code, StatusCode::kUnimplemented);
}

TEST_F(CallEndTest, ARequestThatIsNoCallIsHeardOfWithoutABegin) {
  auto caller = Open("no-path");
  const Notes::End end = Ended();
  EXPECT_EQ(end.path, "");
  EXPECT_EQ(end.role, CallRole::kRefused);
  EXPECT_EQ(notes_->begun, 0u);
}

TEST_F(CallEndTest, WhatACallTookBeyondItsUpstreamCallWasAddedHere) {
  auto relayed = Ask(kWatch, "id-7");
  upstream_.latest().trip().sent = loop_.Now() + std::chrono::milliseconds(3);
  Advance(20);
  upstream_.latest().trip().ended = loop_.Now();
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  const core::RouteMetrics& metrics = *metrics_.routes[1];
  EXPECT_EQ(metrics.added.count(), 1u);
  EXPECT_EQ(metrics.added.sum(), 3'000'000u);
  EXPECT_EQ(metrics.waits[static_cast<size_t>(CallRole::kRelay)].sum(), 20'000'000u);
}

TEST_F(CallEndTest, NothingIsAddedForAFollower) {
  auto leader = Ask(kGet, "id-7");
  auto follower = Ask(kGet, "id-7");
  upstream_.latest().trip().sent = upstream_.latest().trip().ended = loop_.Now();
  Upstream([](FakeCall& call) { call.Answer("kettle"); });
  EXPECT_EQ(metrics_.routes[0]->added.count(), 1u);
  EXPECT_EQ(metrics_.routes[0]->saved_bytes.value(), 5u + 6u) << "the follower's";
}

TEST_F(CallEndTest, WhatAnObserverKeepsOfACallComesBackAtItsEnd) {
  auto caller = Ask(kWatch, "id-7");
  Reset(*caller);
  EXPECT_EQ(*std::static_pointer_cast<size_t>(Ended().details.kept), 1u);
}

}  // namespace
}  // namespace singleflight::proxy::testing
