// The exporter with a collector in this process.

#include "server/otlp/exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/testing/span_collector.h"

namespace singleflight::otlp {
namespace {

using testing::SpanCollector;

// The counts that the exporter shows: by reason, or "exported".
class Counts final : public metrics::Visitor {
 public:
  void Count(absl::string_view, absl::string_view, metrics::Labels labels,
             uint64_t value) override {
    counts[labels.empty() ? "exported" : labels.front().second] += value;
  }
  void Level(absl::string_view, absl::string_view, metrics::Labels, int64_t) override {}
  void Distribution(absl::string_view, absl::string_view, metrics::Labels,
                    const metrics::PowerHistogram&) override {}

  std::map<std::string, uint64_t> counts;
};

class ExporterTest : public ::testing::Test {
 protected:
  void SendTo(const std::string& address, absl::Duration timeout = absl::Seconds(30)) {
    Options options;
    options.otlp = address;
    options.timeout = timeout;
    exporter_.SetCollector(*MakeCollector(options));
  }

  void Put(int spans) {
    for (int i = 0; i < spans; ++i) {
      auto span = std::make_unique<trace::Span>();
      span->self.span.fill(1);
      span->path = "/shop.v1.Catalog/Get";
      outbox_.Put(std::move(span));
    }
  }

  uint64_t Counted(const std::string& what) {
    Counts counts;
    exporter_.Show(counts);
    return counts.counts[what];
  }

  // It ends within its patience, which is long here, or as soon as all are sent.
  uint64_t Stop() { return exporter_.Stop(std::chrono::seconds(30)); }

  trace::Outbox outbox_{{.batch = 8}};
  Exporter exporter_{{{&outbox_}, "1.2", "sf-7"}};
};

TEST_F(ExporterTest, WithoutACollectorNothingRuns) {
  Put(1);
  EXPECT_EQ(Stop(), 0);
  EXPECT_EQ(Counted("exported"), 0);
}

TEST_F(ExporterTest, WhatWaitsAtTheEndIsSent) {
  SpanCollector collector;
  SendTo(collector.address());
  Put(3);
  EXPECT_EQ(Stop(), 0);
  EXPECT_EQ(collector.spans(), 3);
  EXPECT_EQ(Counted("exported"), 3);
}

TEST_F(ExporterTest, ABatchIsSentBeforeTheEnd) {
  SpanCollector collector;
  SendTo(collector.address());
  Put(8);
  EXPECT_EQ(collector.WaitForSpans(8).size(), 8);
  EXPECT_EQ(collector.service(), "singleflight");
}

TEST_F(ExporterTest, MoreThanABatchGoesInSeveralCalls) {
  SpanCollector collector;
  Put(1100);
  SendTo(collector.address());
  EXPECT_EQ(Stop(), 0);
  EXPECT_EQ(collector.spans(), 1100);
  EXPECT_GE(collector.batches(), 3);
}

TEST_F(ExporterTest, WhatTheCollectorRefusesIsDroppedAndCounted) {
  SpanCollector collector;
  collector.Set(SpanCollector::Mood::kRefuses);
  SendTo(collector.address());
  Put(3);
  Stop();
  EXPECT_EQ(Counted("refused"), 3);
  EXPECT_EQ(Counted("exported"), 0);
}

TEST_F(ExporterTest, WhatTheCollectorRejectsOfABatchIsCountedAlone) {
  SpanCollector collector;
  collector.Set(SpanCollector::Mood::kTakesFirst);
  Put(3);
  SendTo(collector.address());
  Stop();
  EXPECT_EQ(Counted("refused"), 2);
  EXPECT_EQ(Counted("exported"), 1);
}

TEST_F(ExporterTest, ACollectorThatNeverAnswersCostsABatchItsTime) {
  SpanCollector collector;
  collector.Set(SpanCollector::Mood::kFrozen);
  SendTo(collector.address(), absl::Milliseconds(20));
  Put(3);
  EXPECT_EQ(Stop(), 0);
  EXPECT_EQ(Counted("unreachable"), 3);
}

TEST_F(ExporterTest, ACollectorThatIsAwayCostsABatchItsTime) {
  SendTo("unix:/nowhere/collector.sock", absl::Milliseconds(20));
  Put(3);
  EXPECT_EQ(Stop(), 0);
  EXPECT_EQ(Counted("unreachable"), 3);
}

TEST_F(ExporterTest, TheEndDoesNotWaitForACollectorThatNeverAnswers) {
  SpanCollector collector;
  collector.Set(SpanCollector::Mood::kFrozen);
  SendTo(collector.address(), absl::Hours(1));
  Put(8);
  collector.WaitForSpans(8);
  Put(2);
  EXPECT_EQ(exporter_.Stop(std::chrono::milliseconds(1)), 10);
  EXPECT_EQ(Counted("end"), 10);
}

TEST_F(ExporterTest, AnotherCollectorGetsWhatComesNext) {
  SpanCollector first, second;
  SendTo(first.address());
  Put(8);
  first.WaitForSpans(8);
  SendTo(second.address());
  Put(8);
  EXPECT_EQ(second.WaitForSpans(8).size(), 8);
  EXPECT_EQ(first.spans(), 8);
}

TEST_F(ExporterTest, FilesThatAreNotThereAreRefused) {
  Options options;
  options.tls = tls::ClientOptions{"/nowhere/ca.pem", "", "", ""};
  EXPECT_THAT(std::string(MakeCollector(options).status().message()),
              ::testing::HasSubstr("/nowhere/ca.pem"));
}

}  // namespace
}  // namespace singleflight::otlp
