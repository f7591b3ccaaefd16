// What one worker counts, as it is shown: names, labels and identities.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/app/ledgers.h"

namespace singleflight::app {
namespace {

using core::Bypass;
using core::RouteMetrics;
using core::Unanswered;
using http2::Bound;
using metrics::kReasons;
using metrics::Labels;
using upstream::UpstreamMetrics;
using wire::StatusCode;

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// Writes down what it is shown.
class Written final : public metrics::Visitor {
 public:
  void Count(absl::string_view name, absl::string_view, Labels labels, uint64_t value) override {
    Note(name, labels, static_cast<int64_t>(value));
  }
  void Level(absl::string_view name, absl::string_view, Labels labels, int64_t value) override {
    Note(name, labels, value);
  }
  void Distribution(absl::string_view name, absl::string_view, Labels labels,
                    const metrics::PowerHistogram& histogram) override {
    Note(name, labels, static_cast<int64_t>(histogram.sum()));
  }

  void Latency(absl::string_view name, absl::string_view, Labels labels,
               const metrics::LatencyHistogram& histogram) override {
    Note(name, labels, static_cast<int64_t>(histogram.count()));
  }
  void Spent(absl::string_view name, absl::string_view, Labels labels, double) override {
    Note(name, labels, 0);
  }

  int64_t SumOf(const std::string& name) const {
    int64_t sum = 0;
    for (const auto& [key, value] : values_) sum += key.first == name ? value : 0;
    return sum;
  }
  int64_t Of(const std::string& name, const Labels& labels) const {
    return values_.at({name, labels});
  }
  const std::map<std::string, std::set<std::string>>& label_values() const { return label_values_; }
  size_t shown() const { return values_.size(); }
  bool twice() const { return twice_; }

 private:
  void Note(absl::string_view name, const Labels& labels, int64_t value) {
    const auto [known, is_new] = values_.emplace(std::pair(std::string(name), labels), 0);
    known->second += value;
    twice_ = twice_ || (!is_new && name != "grpc_server_call_started_total");
    for (const auto& [label, text] : labels) label_values_[label].insert(text);
  }

  std::map<std::pair<std::string, Labels>, int64_t> values_;
  std::map<std::string, std::set<std::string>> label_values_;
  bool twice_ = false;
};

// Of all values of these reasons.
template <typename... Reasons>
void AddNames(std::set<std::string>& names) {
  const auto add = [&names]<typename Reason>(Reason) {
    for (size_t i = 0; i < kReasons<Reason>; ++i) {
      names.insert(std::string(NameOf(static_cast<Reason>(i))));
    }
  };
  (add(Reasons{}), ...);
}

// One of each reason.
template <typename Reason>
void CountEach(metrics::CountersBy<Reason>& counters) {
  for (size_t i = 0; i < kReasons<Reason>; ++i) counters.Add(static_cast<Reason>(i));
}

class WorkerMetricsTest : public ::testing::Test {
 protected:
  // A worker with a route and an upstream.
  Written Shown() const {
    Written written;
    ledgers_.Show(written);
    return written;
  }
  Ledgers ledgers_{1};
  RouteMetrics& route_ = *ledgers_.routes.Of(0, "r1");
  UpstreamMetrics& upstream_ = *ledgers_.upstreams.Of(0, "catalog");
  proxy::DownstreamMetrics& downstream_ = *ledgers_.downstream[0];
};

TEST_F(WorkerMetricsTest, TheRolesOfARouteAddUpToItsCalls) {
  route_.calls.Add(19 + kReasons<Bypass>);
  route_.leaders.Add(1);
  route_.followers.Add(2);
  route_.relays.Add(3);
  route_.departed.Add(9);
  route_.refused.Add(4);
  CountEach(route_.bypasses);
  EXPECT_EQ(Shown().SumOf("singleflight_calls_total"), 19 + kReasons<Bypass>);
  EXPECT_EQ(Shown().SumOf("singleflight_calls_by_role_total"), 19 + kReasons<Bypass>);
}

TEST_F(WorkerMetricsTest, ACallThatHasNotEndedIsInProgressInItsRole) {
  route_.calls.Add(3);
  route_.leaders.Add(2);
  route_.CountEnd(core::CallRole::kLeader, 5, StatusCode::kOk);
  EXPECT_EQ(Shown().Of("singleflight_calls_in_progress", {{"route", "r1"}, {"role", "leader"}}), 1);
  EXPECT_EQ(Shown().Of("singleflight_calls_in_progress", {{"route", "r1"}, {"role", "undecided"}}),
            1);
}

TEST_F(WorkerMetricsTest, EveryEndIsCountedByWhatTheCallerWasTold) {
  route_.CountEnd(core::CallRole::kHit, 5, StatusCode::kOk);
  route_.CountEnd(core::CallRole::kRefused, 5, StatusCode::kResourceExhausted);
  route_.CountEnd(core::CallRole::kLeader, 5, absl::nullopt);
  EXPECT_EQ(Shown().Of("singleflight_replies_total", {{"route", "r1"}, {"code", "none"}}), 1);
  EXPECT_EQ(Shown().SumOf("singleflight_replies_total"), 3);
  EXPECT_EQ(Shown().SumOf("singleflight_call_duration_seconds"), 2);
}

TEST_F(WorkerMetricsTest, OnlyARouteThatNamesAMethodGivesGrpcItsName) {
  ledgers_.routes.Of(0, "/shop.Catalog/Get")->calls.Add(2);
  ledgers_.routes.Of(0, "eu.shop/shop.Catalog/*")->calls.Add(3);
  downstream_.requests_unrouted.Add(4);
  const std::string name = "grpc_server_call_started_total";
  EXPECT_EQ(Shown().Of(name, {{"grpc_method", "shop.Catalog/Get"}}), 2);
  EXPECT_EQ(Shown().Of(name, {{"grpc_method", "other"}}), 3 + 4);
}

// PITFALLS 30
TEST_F(WorkerMetricsTest, LabelsComeFromConfigurationAndClosedListsOnly) {
  const Written written = Shown();
  const auto& values = written.label_values();
  EXPECT_THAT(values.at("route"), ElementsAre("r1"));
  EXPECT_THAT(values.at("upstream"), ElementsAre("catalog"));
  EXPECT_THAT(values.at("role"),
              UnorderedElementsAre("hit", "leader", "follower", "relay", "bypass", "departed",
                                   "refused", "undecided"));
  EXPECT_EQ(values.at("code").size(), kReasons<StatusCode> + 1);  // and none
  EXPECT_THAT(values.at("of"), UnorderedElementsAre("request", "reply", "follower", "hit"));
  EXPECT_THAT(values.at("result"), UnorderedElementsAre("full", "resumed", "failed", "timed_out"));
  EXPECT_THAT(values.at("grpc_method"), ElementsAre("other"));
  EXPECT_THAT(values.at("bound"), UnorderedElementsAre("calls", "pending", "connections"));
  EXPECT_EQ(values.at("outcome").size(), kReasons<core::Comparison>);
  EXPECT_EQ(values.at("would_be").size(), kReasons<core::WouldBe>);
  EXPECT_EQ(values.size(), 13);  // and "reason", and "kind" and "name" of what kept calls apart
}

TEST_F(WorkerMetricsTest, AnsweredAndUnansweredCallsAddUpToThoseThatBegan) {
  upstream_.begun.Add(kReasons<StatusCode> + 1 + kReasons<Unanswered>);
  upstream_.calls_without_status.Add();
  CountEach(upstream_.calls);
  CountEach(upstream_.unanswered);
  const Written written = Shown();
  EXPECT_EQ(written.SumOf("singleflight_upstream_calls_begun_total"),
            written.SumOf("singleflight_upstream_calls_total") +
                written.SumOf("singleflight_upstream_unanswered_total"));
  EXPECT_FALSE(written.twice());
}

// PITFALLS 30
TEST_F(WorkerMetricsTest, TrafficAddsNoMetrics) {
  const size_t before = Shown().shown();
  route_.calls.Add(1000);
  route_.bypasses.Add(Bypass::kNoMessage, 7);
  route_.waiters_per_flight.Observe(99);
  EXPECT_EQ(Shown().shown(), before);
}

TEST_F(WorkerMetricsTest, EveryBoundIsCountedUnderItsOwnName) {
  for (size_t i = 0; i < kReasons<Bound>; ++i) {
    const auto bound = static_cast<Bound>(i);
    downstream_.bounds.Add(bound);
    const Written written = Shown();
    EXPECT_EQ(written.SumOf("singleflight_connections_ended_total") +
                  written.SumOf("singleflight_streams_ended_total") +
                  written.SumOf("singleflight_calls_shed_total"),
              i + 1);
    EXPECT_FALSE(written.twice());
    EXPECT_EQ(downstream_.bounds.of(bound), 1u);
  }
}

TEST_F(WorkerMetricsTest, OnlyWhatEndsAConnectionIsAFlood) {
  for (size_t i = 0; i < kReasons<Bound>; ++i) {
    const auto bound = static_cast<Bound>(i);
    EXPECT_TRUE(http2::EndsConnection(bound) || !http2::IsFlood(bound)) << NameOf(bound);
  }
}

TEST_F(WorkerMetricsTest, NothingIsShownTwiceByOneWorker) {
  ledgers_.routes.Of(0, "r2");
  ledgers_.upstreams.Of(0, "u2");
  EXPECT_FALSE(Shown().twice());
}

TEST_F(WorkerMetricsTest, EveryBypassReleaseAndOutcomeHasANameOfItsOwn) {
  Written written;
  route_.Show("r1", written);
  upstream_.Show("catalog", written);
  std::set<std::string> names = {""};
  AddNames<Bypass, core::Release, core::GateRefusal, cache::Refusal, core::InflationRefusal,
           core::RetryRefusal, core::HedgeRefusal, core::GatheringEnd, core::StaleUse,
           core::RefreshFailure, core::CheckRefusal, core::MatchRefusal, core::WideInvalidation,
           upstream::ReplyRefusal, upstream::OverloadRefusal, Unanswered>(names);
  EXPECT_EQ(written.label_values().at("reason"), names);
  for (const auto& [label, values] : written.label_values()) {
    EXPECT_TRUE(label == "reason" || label == "name" || !values.contains("")) << label;
  }
}

}  // namespace
}  // namespace singleflight::app
