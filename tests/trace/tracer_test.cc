#include "server/trace/tracer.h"

#include <set>

#include "tests/model/blocks.h"

namespace singleflight::trace {
namespace {

using model::RequestOf;

constexpr char kSampled[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kNotSampled[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

class TracerTest : public ::testing::Test {
 protected:
  std::unique_ptr<OpenSpan> Begin(const char* sample, const model::Fields& fields) {
    return Tracer(*ParseSampling(sample), recorder_).BeginCall(RequestOf(fields), now_);
  }

  const absl::Time wall_ = absl::FromUnixSeconds(1764288000);
  const base::Instant now_ = base::Instant(std::chrono::hours(1));
  Recorder recorder_{7, 0, [this] { return wall_; }};
};

TEST_F(TracerTest, ACallerThatIsRecordedGetsASpanOfItsTrace) {
  const auto open = Begin("parent", {{"traceparent", kSampled}, {"tracestate", "a=1"}});
  ASSERT_NE(open, nullptr);
  const model::SpanRef parent = model::ParseTraceparent(kSampled)->span;
  EXPECT_EQ(open->span->self.trace, parent.trace);
  EXPECT_NE(open->span->self.span, parent.span);
  EXPECT_EQ(open->span->parent, parent.span);
  EXPECT_EQ(open->span->state, "a=1");
  EXPECT_EQ(open->span->path, "/shop.Catalog/Get");
  EXPECT_EQ(open->span->began, wall_);
}

TEST_F(TracerTest, ACallerDecidesWhateverTheShareIs) {
  EXPECT_EQ(Begin("100%", {{"traceparent", kNotSampled}}), nullptr);
  EXPECT_NE(Begin("0.0001%", {{"traceparent", kSampled}}), nullptr);
}

TEST_F(TracerTest, ACallWithoutATraceIsRecordedByTheShareAlone) {
  EXPECT_EQ(Begin("parent", {}), nullptr);
  const auto open = Begin("100%", {});
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(open->span->parent, (std::array<uint8_t, 8>{}));
  int recorded = 0;
  for (int i = 0; i < 10000; ++i) recorded += Begin("10%", {}) != nullptr ? 1 : 0;
  EXPECT_GT(recorded, 800);
  EXPECT_LT(recorded, 1200);
}

TEST_F(TracerTest, AMalformedTraceparentIsNone) {
  EXPECT_EQ(Begin("parent", {{"traceparent", "00-what-is-this"}}), nullptr);
  const auto open = Begin("100%", {{"traceparent", "00-what-is-this"}, {"tracestate", "a=1"}});
  ASSERT_NE(open, nullptr);
  EXPECT_EQ(open->span->state, "");
}

TEST_F(TracerTest, SeveralTracestatesAreOneListAndALongerOneIsLeftOut) {
  EXPECT_EQ(
      Begin("parent", {{"traceparent", kSampled}, {"tracestate", "a=1"}, {"tracestate", "b=2"}})
          ->span->state,
      "a=1,b=2");
  EXPECT_EQ(Begin("parent", {{"traceparent", kSampled}, {"tracestate", std::string(513, 'a')}})
                ->span->state,
            "");
}

TEST_F(TracerTest, AnUpstreamsCallIsAChildOfItsCaller) {
  const model::Request request = RequestOf({{"traceparent", kSampled}, {"tracestate", "a=1"}});
  Tracer tracer(Sampling(), recorder_);
  const auto caller = tracer.BeginCall(request, now_);
  const auto call =
      tracer.BeginUpstreamCall(caller->span->self, {request, "catalog", "shop:1"}, now_);
  EXPECT_EQ(call->span->kind, Span::Kind::kClient);
  EXPECT_EQ(call->span->self.trace, caller->span->self.trace);
  EXPECT_EQ(call->span->parent, caller->span->self.span);
  EXPECT_EQ(call->span->state, "a=1");
  EXPECT_EQ(call->span->upstream, "catalog");
  EXPECT_EQ(call->span->authority, "shop:1");
}

TEST_F(TracerTest, ASpanThatEndsWaitsForTheExporter) {
  End(Begin("100%", {}), now_ + std::chrono::milliseconds(3));
  const Outbox::Spans spans = recorder_.outbox().TakeAll();
  ASSERT_EQ(spans.size(), 1);
  EXPECT_EQ(spans[0]->took, absl::Milliseconds(3));
}

TEST(RecorderTest, SpansOfOneTurnBeginTogether) {
  int64_t seconds = 0;
  Recorder recorder(1, 0, [&seconds] { return absl::FromUnixSeconds(++seconds); });
  const base::Instant turn = base::Instant(std::chrono::hours(1));
  EXPECT_EQ(recorder.WallAt(turn), absl::FromUnixSeconds(1));
  EXPECT_EQ(recorder.WallAt(turn), absl::FromUnixSeconds(1));
  EXPECT_EQ(recorder.WallAt(turn + std::chrono::seconds(1)), absl::FromUnixSeconds(2));
}

TEST(RecorderTest, WorkersAndProcessesDrawDifferentIds) {
  std::set<std::string> ids;
  for (const uint64_t seed : {1, 2}) {
    for (const size_t worker : {0, 1}) {
      Recorder recorder(seed, worker, [] { return absl::UnixEpoch(); });
      for (int i = 0; i < 100; ++i) {
        ids.insert(model::FormatTraceparent(recorder.Begin()).substr(3, 49));
      }
    }
  }
  EXPECT_EQ(ids.size(), 400);
}

}  // namespace
}  // namespace singleflight::trace
