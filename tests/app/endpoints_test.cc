#include "server/app/endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace singleflight::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
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

// What is shown of one name, by the label `endpoint`.
class Levels final : public metrics::Visitor {
 public:
  explicit Levels(const Endpoints& endpoints) { endpoints.Show(*this); }
  void Count(absl::string_view name, absl::string_view, metrics::Labels labels,
             uint64_t value) override {
    Level(name, "", std::move(labels), static_cast<int64_t>(value));
  }
  void Level(absl::string_view name, absl::string_view, metrics::Labels labels,
             int64_t value) override {
    const std::string endpoint = labels.size() > 1 ? labels[1].second : "";
    shown_[std::string(name)][endpoint] += value;
  }
  void Distribution(absl::string_view, absl::string_view, metrics::Labels,
                    const metrics::PowerHistogram&) override {}

  using ByEndpoint = std::map<std::string, int64_t>;
  ByEndpoint Of(const std::string& name) const {
    const auto found = shown_.find("singleflight_upstream_" + name);
    return found == shown_.end() ? ByEndpoint() : found->second;
  }

 private:
  std::map<std::string, ByEndpoint> shown_;
};

TEST_F(EndpointsTest, MetricsSayWhichEndpointFailsUntilItIsConnectedAgain) {
  const net::Endpoint teapot = At("127.0.0.1:2");
  endpoints_.Set({{kettle_, teapot}, ""});
  endpoints_.Heard(0, kettle_, EndpointState::kFailing, "refused");
  endpoints_.Heard(0, kettle_, EndpointState::kConnecting, "");
  EXPECT_THAT(Levels(endpoints_).Of("endpoint_up"),
              ElementsAre(Pair("127.0.0.1:1", 0), Pair("127.0.0.1:2", 1)));
  EXPECT_THAT(Levels(endpoints_).Of("endpoints_up"), ElementsAre(Pair("", 1)));
  endpoints_.Heard(0, kettle_, EndpointState::kReady, "");
  EXPECT_THAT(Levels(endpoints_).Of("endpoints_up"), ElementsAre(Pair("", 2)));
}

TEST_F(EndpointsTest, MetricsSumTheCellsOfAllWorkers) {
  for (size_t worker = 0; worker < 2; ++worker) {
    const auto seats = endpoints_.SeatsOf(worker, {{kettle_}, ""});
    seats[0].cells->calls.Add(3);
    seats[0].cells->active.Add(2);
    seats[0].cells->connections.Add(1);
  }
  endpoints_.SetDrained(kettle_, true);
  const Levels shown(endpoints_);
  EXPECT_EQ(shown.Of("endpoint_calls_total").at("127.0.0.1:1"), 6);
  EXPECT_EQ(shown.Of("endpoint_calls_active").at("127.0.0.1:1"), 4);
  EXPECT_EQ(shown.Of("endpoint_connections").at("127.0.0.1:1"), 2);
  EXPECT_EQ(shown.Of("endpoint_drained").at("127.0.0.1:1"), 1);
}

TEST_F(EndpointsTest, AThousandAddressesAreCountedAndSomeAreShown) {
  std::vector<net::Endpoint> many;
  for (int port = 1; port <= 1000; ++port) many.push_back(At("127.0.0.1:" + std::to_string(port)));
  endpoints_.Set({many, ""});
  EXPECT_THAT(Levels(endpoints_).Of("endpoint_up"), SizeIs(Endpoints::kMostShown));
  EXPECT_THAT(Levels(endpoints_).Of("endpoints"), ElementsAre(Pair("", 1000)));
  EXPECT_THAT(Levels(endpoints_).Of("endpoints_up"), ElementsAre(Pair("", 1000)));
}

}  // namespace
}  // namespace singleflight::app
