#include "server/metrics/worker_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"

namespace singleflight::metrics {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// Writes down what it is shown.
class Written final : public Visitor {
 public:
  void Count(absl::string_view name, absl::string_view, Labels labels, uint64_t value) override {
    Note(name, labels, static_cast<int64_t>(value));
  }
  void Level(absl::string_view name, absl::string_view, Labels labels, int64_t value) override {
    Note(name, labels, value);
  }
  void Distribution(absl::string_view name, absl::string_view, Labels labels,
                    const PowerHistogram& histogram) override {
    Note(name, labels, static_cast<int64_t>(histogram.sum()));
  }

  int64_t SumOf(const std::string& name) const {
    int64_t sum = 0;
    for (const auto& [key, value] : values_) sum += key.first == name ? value : 0;
    return sum;
  }
  const std::map<std::string, std::set<std::string>>& label_values() const { return label_values_; }
  size_t shown() const { return values_.size(); }
  bool twice() const { return twice_; }

 private:
  void Note(absl::string_view name, const Labels& labels, int64_t value) {
    twice_ = !values_.emplace(std::pair(std::string(name), labels), value).second || twice_;
    for (const auto& [label, text] : labels) label_values_[label].insert(text);
  }

  std::map<std::pair<std::string, Labels>, int64_t> values_;
  std::map<std::string, std::set<std::string>> label_values_;
  bool twice_ = false;
};

TEST(WorkerMetricsTest, TheRolesOfARouteAddUpToItsCalls) {
  RouteMetrics route;
  route.calls.Add(15 + kBypasses);
  route.leaders.Add(1);
  route.followers.Add(2);
  route.relays.Add(3);
  route.departed.Add(9);
  for (Counter& bypass : route.bypasses) bypass.Add(1);
  Written written;
  route.Show("r1", written);
  EXPECT_EQ(written.SumOf("singleflight_calls_total"), 15 + kBypasses);
  EXPECT_EQ(written.SumOf("singleflight_calls_by_role_total"), 15 + kBypasses);
}

// PITFALLS 30
TEST(WorkerMetricsTest, LabelsComeFromConfigurationAndClosedListsOnly) {
  WorkerMetrics worker(1, 1);
  Written written;
  worker.routes[0]->Show("r1", written);
  worker.upstreams[0]->Show("catalog", written);
  worker.downstream->Show(written);
  const auto& values = written.label_values();
  EXPECT_THAT(values.at("route"), ElementsAre("r1"));
  EXPECT_THAT(values.at("upstream"), ElementsAre("catalog"));
  EXPECT_THAT(values.at("role"),
              UnorderedElementsAre("hit", "leader", "follower", "relay", "departed", "bypass"));
  EXPECT_EQ(values.at("code").size(), kCallOutcomes);
  EXPECT_THAT(values.at("of"), UnorderedElementsAre("request", "reply"));
  EXPECT_THAT(values.at("result"), UnorderedElementsAre("full", "resumed", "failed", "timed_out"));
  EXPECT_EQ(values.size(), 7);  // and "reason"
}

TEST(WorkerMetricsTest, AnsweredAndUnansweredCallsAddUpToThoseThatBegan) {
  UpstreamMetrics upstream;
  upstream.begun.Add(kCallOutcomes + kUnanswered);
  for (Counter& calls : upstream.calls) calls.Add(1);
  for (Counter& calls : upstream.unanswered) calls.Add(1);
  Written written;
  upstream.Show("catalog", written);
  EXPECT_EQ(written.SumOf("singleflight_upstream_calls_begun_total"),
            written.SumOf("singleflight_upstream_calls_total") +
                written.SumOf("singleflight_upstream_unanswered_total"));
  EXPECT_FALSE(written.twice());
}

// PITFALLS 30
TEST(WorkerMetricsTest, TrafficAddsNoMetrics) {
  WorkerMetrics worker(1, 1);
  Written before, after;
  worker.routes[0]->Show("r1", before);
  worker.routes[0]->calls.Add(1000);
  worker.routes[0]->bypasses[3].Add(7);
  worker.routes[0]->waiters_per_flight.Observe(99);
  worker.routes[0]->Show("r1", after);
  EXPECT_EQ(before.shown(), after.shown());
}

TEST(WorkerMetricsTest, EveryBoundIsCountedUnderItsOwnName) {
  for (size_t i = 0; i < kBounds; ++i) {
    BoundMetrics bounds;
    bounds.Count(static_cast<Bound>(i));
    Written written;
    bounds.Show(written);
    EXPECT_EQ(written.SumOf("singleflight_connections_ended_total") +
                  written.SumOf("singleflight_streams_ended_total") +
                  written.SumOf("singleflight_calls_shed_total"),
              1);
    EXPECT_FALSE(written.twice());
    EXPECT_EQ(bounds.count(static_cast<Bound>(i)), 1u);
  }
}

TEST(WorkerMetricsTest, NothingIsShownTwiceByOneWorker) {
  WorkerMetrics worker(2, 2);
  Written written;
  for (size_t i = 0; i < 2; ++i) {
    worker.routes[i]->Show(absl::StrCat("r", i), written);
    worker.upstreams[i]->Show(absl::StrCat("u", i), written);
  }
  worker.downstream->Show(written);
  EXPECT_FALSE(written.twice());
}

TEST(WorkerMetricsTest, EveryBypassReleaseAndOutcomeHasANameOfItsOwn) {
  WorkerMetrics worker(1, 1);
  Written written;
  worker.routes[0]->Show("r1", written);
  worker.upstreams[0]->Show("catalog", written);
  EXPECT_EQ(written.label_values().at("reason").size(),
            kBypasses + kReleases + kGateRefusals + kStoreRefusals + kInflationRefusals +
                kReplyRefusals + kUnanswered -
                1);  // and none; flight_timeout and malformed stand twice
  for (const auto& [label, values] : written.label_values()) {
    EXPECT_TRUE(label == "reason" || !values.contains("")) << label;
  }
}

}  // namespace
}  // namespace singleflight::metrics
