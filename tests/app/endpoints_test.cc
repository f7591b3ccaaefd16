#include "server/app/endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::app {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using upstream::EndpointState;
using State = admin::v1::Endpoint;

class EndpointsTest : public ::testing::Test {
 protected:
  EndpointsTest() { endpoints_.Set({{kettle_}, ""}); }

  static net::Endpoint At(const std::string& address) { return *net::ParseAddress(address); }

  Endpoints New() {
    return Endpoints(
        "catalog", 2, [this] { return now_; }, events_);
  }
  State Seen(const Endpoints& endpoints) {
    admin::v1::Upstream upstream;
    endpoints.Describe(upstream);
    return upstream.endpoints(0);
  }
  State Seen() { return Seen(endpoints_); }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  Events events_{[this] { return now_; }};
  const net::Endpoint kettle_ = At("127.0.0.1:1");
  Endpoints endpoints_ = New();
};

TEST_F(EndpointsTest, TheLatestViewCounts) {
  endpoints_.Heard(0, kettle_, EndpointState::kReady, "");
  EXPECT_EQ(Seen().state(), State::STATE_READY);
  endpoints_.Heard(1, kettle_, EndpointState::kFailing, "refused");
  EXPECT_EQ(Seen().state(), State::STATE_FAILING);
  EXPECT_EQ(Seen().last_failure(), "refused");
}

TEST_F(EndpointsTest, AWorkerThatStopsUsingItSaysNothing) {
  endpoints_.Heard(0, kettle_, EndpointState::kReady, "");
  endpoints_.Heard(1, kettle_, EndpointState::kReady, "");
  endpoints_.Heard(1, kettle_, EndpointState::kIdle, "");
  EXPECT_EQ(Seen().state(), State::STATE_READY);
  endpoints_.Heard(0, kettle_, EndpointState::kIdle, "");
  EXPECT_EQ(Seen().state(), State::STATE_IDLE);
}

TEST_F(EndpointsTest, FailuresInARowAreOneEventAndSoIsTheirEnd) {
  for (int i = 0; i < 3; ++i) {
    endpoints_.Heard(0, kettle_, EndpointState::kConnecting, "");
    endpoints_.Heard(0, kettle_, EndpointState::kFailing, "refused");
    endpoints_.Heard(0, kettle_, EndpointState::kIdle, "");
    now_ += absl::Seconds(1);
  }
  ASSERT_THAT(events_.Latest(10), SizeIs(1));
  EXPECT_EQ(events_.Latest(1)[0].subject, "catalog 127.0.0.1:1");
  EXPECT_THAT(events_.Latest(1)[0].text, HasSubstr("refused"));
  EXPECT_EQ(Seen().since().seconds(), 1000);
  EXPECT_EQ(Seen().last_failure_at().seconds(), 1002);
  endpoints_.Heard(0, kettle_, EndpointState::kReady, "");
  EXPECT_THAT(events_.Latest(10), SizeIs(2));
  EXPECT_EQ(Seen().since().seconds(), 1003);
}

TEST_F(EndpointsTest, ItServesWhileACallMayTry) {
  EXPECT_TRUE(endpoints_.AnyServes());
  endpoints_.Heard(0, kettle_, EndpointState::kFailing, "refused");
  EXPECT_FALSE(endpoints_.AnyServes());
  endpoints_.Heard(0, kettle_, EndpointState::kIdle, "");
  EXPECT_TRUE(endpoints_.AnyServes());
  endpoints_.SetDrained(kettle_, true);
  EXPECT_FALSE(endpoints_.AnyServes());
  EXPECT_FALSE(New().AnyServes());
}

TEST_F(EndpointsTest, TheLatestCodeIsThatOfTheLatestCallOfAllWorkers) {
  const upstream::EndpointList list{{kettle_}, ""};
  const base::Instant start;
  endpoints_.SeatsOf(0, list)[0].cells->latest_code.Set(wire::StatusCode::kOk,
                                                        start + std::chrono::seconds(2));
  endpoints_.SeatsOf(1, list)[0].cells->latest_code.Set(wire::StatusCode::kInternal,
                                                        start + std::chrono::seconds(1));
  EXPECT_EQ(Seen().last_code(), "OK");
}

TEST_F(EndpointsTest, CountsAndDrainsGoOnUnderTheSameName) {
  const upstream::EndpointList list{{kettle_}, ""};
  endpoints_.SeatsOf(1, list)[0].cells->calls.Add(3);
  endpoints_.SetDrained(kettle_, true);
  Endpoints next = New();
  next.Inherit(endpoints_);
  next.Set(list);
  EXPECT_EQ(Seen(next).calls(), 3);
  EXPECT_EQ(Seen(next).state(), State::STATE_DRAINED);
  EXPECT_TRUE(next.SeatsOf(0, list)[0].drained);
}

TEST_F(EndpointsTest, WhatIsGoneIsForgottenWithItsLastConnection) {
  const upstream::EndpointList list{{kettle_}, ""};
  const auto cells = endpoints_.SeatsOf(0, list)[0].cells;
  cells->connections.Add(1);
  endpoints_.Set({{}, "no such host"});
  EXPECT_EQ(endpoints_.Find("127.0.0.1:1"), nullptr);
  admin::v1::Upstream upstream;
  endpoints_.Describe(upstream);
  EXPECT_THAT(upstream.endpoints(), IsEmpty());
  EXPECT_EQ(upstream.resolve_error(), "no such host");
  cells->connections.Add(-1);
  endpoints_.Set({{}, ""});
  endpoints_.Heard(0, kettle_, EndpointState::kReady, "");
  EXPECT_EQ(endpoints_.SeatsOf(0, list)[0].cells->calls.value(), 0u);
}

TEST(EventsTest, TheLatestComeFirstAndTheOldestMakeRoom) {
  Events events(absl::UnixEpoch);
  for (size_t i = 0; i < Events::kMost + 5; ++i) events.Add("reload", "", std::to_string(i));
  EXPECT_EQ(events.Latest(1)[0].text, std::to_string(Events::kMost + 4));
  const auto all = events.Latest(Events::kMost * 2);
  ASSERT_THAT(all, SizeIs(Events::kMost));
  EXPECT_EQ(all.back().text, "5");
}

}  // namespace
}  // namespace singleflight::app
