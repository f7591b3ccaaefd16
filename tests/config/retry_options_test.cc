#include "tests/config/files.h"
#include "tests/config/mistakes.h"

namespace singleflight::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using wire::StatusCode;

absl::optional<core::RetryOptions> RetryOf(const std::string& text) {
  return Right(text).routes.at(0).retry;
}

TEST(RetryOptionsTest, NothingIsRetriedUnlessARouteSaysSo) {
  EXPECT_FALSE(RetryOf(WithRouteOption("collapse: false")).has_value());
  EXPECT_FALSE(RetryOf(WithRouteOption("retry: false")).has_value());
}

TEST(RetryOptionsTest, TheSwitchAloneMeansTheDefaults) {
  const absl::optional<core::RetryOptions> retry = RetryOf(WithRouteOption("retry: true"));
  ASSERT_TRUE(retry.has_value());
  EXPECT_EQ(retry->codes, core::StatusSet{StatusCode::kUnavailable});
  EXPECT_EQ(retry->attempts, 2);
  EXPECT_EQ(retry->backoff, absl::Milliseconds(50));
  EXPECT_EQ(retry->max_backoff, absl::Seconds(1));
  EXPECT_EQ(retry->budget, 100'000);
}

TEST(RetryOptionsTest, EachRuleIsRead) {
  const absl::optional<core::RetryOptions> retry = RetryOf(
      WithRouteOption("retry: {codes: [UNAVAILABLE, RESOURCE_EXHAUSTED], attempts: 4, backoff: "
                      "10ms, max_backoff: 2s, budget: 2.5%}"));
  ASSERT_TRUE(retry.has_value());
  EXPECT_TRUE(retry->codes.has(StatusCode::kResourceExhausted));
  EXPECT_TRUE(retry->codes.has(StatusCode::kUnavailable));
  EXPECT_FALSE(retry->codes.has(StatusCode::kInternal));
  EXPECT_EQ(retry->attempts, 4);
  EXPECT_EQ(retry->backoff, absl::Milliseconds(10));
  EXPECT_EQ(retry->max_backoff, absl::Seconds(2));
  EXPECT_EQ(retry->budget, 25'000);
}

TEST(RetryOptionsTest, MistakesSayWhatWouldBeRight) {
  ExpectMistakes({
      {WithRouteOption("retry: {codes: [UNAVAILBLE]}"),
       "5:21: routes[0].retry.codes[0]: \"UNAVAILBLE\" is no status code that can be retried (did "
       "you mean \"UNAVAILABLE\"?); write codes as gRPC does, such as [UNAVAILABLE]"},
      {WithRouteOption("retry: {codes: []}"),
       "5:20: routes[0].retry.codes: names no status code; write some, such as [UNAVAILABLE]"},
      {WithRouteOption("retry: {attempts: 1}"),
       "5:23: routes[0].retry.attempts: \"1\" is not a whole number from 2 to 5"},
      {WithRouteOption("retry: {backoff: 2s}"),
       "5:22: routes[0].retry.backoff: leaves max_backoff below backoff; raise the one or lower "
       "the other"},
      {WithRouteOption("retry: {budget: 0%}"),
       "5:21: routes[0].retry.budget: \"0%\" is not a part of a hundred; try \"1%\"; allowed are "
       "0.0001% to 100%"},
  });
}

TEST(RetryOptionsTest, RetryingWritesIsWarnedOf) {
  EXPECT_THAT(
      WarningsIn(WithRouteOption("match: {method: /a.B/CreateItem}\n    retry: true")),
      ElementsAre(
          "f.yaml:6:12: routes[0].retry: retries \"/a.B/CreateItem\", whose name says that it "
          "writes; a write whose reply is lost may be made twice, so retry methods for which that "
          "is the same"));
  EXPECT_THAT(WarningsIn(WithRouteOption("match: {method: /a.B/Get}\n    retry: true")), IsEmpty());
}

absl::optional<core::HedgeOptions> HedgeOf(const std::string& option) {
  const core::RouteOptions route = Right(WithCollapseOption(option)).routes.at(0);
  return route.collapse.value_or(core::CollapseOptions()).hedge;
}

TEST(HedgeOptionsTest, FlightsAreHedgedOnlyWhereTheRouteSaysSo) {
  EXPECT_FALSE(HedgeOf("unary: true").has_value());
  EXPECT_FALSE(HedgeOf("hedge: false").has_value());
}

TEST(HedgeOptionsTest, TheSwitchAloneMeansTheDefaults) {
  const absl::optional<core::HedgeOptions> hedge = HedgeOf("hedge: true");
  ASSERT_TRUE(hedge.has_value());
  EXPECT_EQ(hedge->after, absl::nullopt) << "p95";
  EXPECT_EQ(hedge->budget, 50'000);
}

TEST(HedgeOptionsTest, AfterIsADurationOrP95) {
  EXPECT_EQ(HedgeOf("hedge: {after: 30ms, budget: 1%}")->after, absl::Milliseconds(30));
  EXPECT_EQ(HedgeOf("hedge: {after: 30ms, budget: 1%}")->budget, 10'000);
  EXPECT_EQ(HedgeOf("hedge: {after: p95}")->after, absl::nullopt);
  ExpectMistakes({
      {WithCollapseOption("hedge: {after: p99}"),
       "5:31: routes[0].collapse.hedge.after: \"p99\" is neither p95 nor a duration from 1ms to "
       "24h; try \"p95\" or \"30ms\""},
      {WithCollapseOption("hedge: {after: 0s}"),
       "5:31: routes[0].collapse.hedge.after: \"0s\" is neither p95 nor a duration from 1ms to "
       "24h; try \"p95\" or \"30ms\""},
  });
}

}  // namespace
}  // namespace singleflight::config
