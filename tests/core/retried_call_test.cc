// Relayed calls of routes with `retry`: one upstream call after the other, seen as one.

#include "server/core/retried_call.h"

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using Kind = UpstreamFailure::Kind;
using ::testing::ElementsAre;
using wire::StatusCode;

// What a relay hears.
struct Ear final : UpstreamEvents {
  void OnInitial(model::Headers fields, bool end) override {
    heard.push_back(end ? "trailers only" : "initial");
    block = std::move(fields);
  }
  void OnData(absl::string_view bytes) override { heard.emplace_back(bytes); }
  void OnEnd(model::Headers) override { heard.push_back("end"); }
  void OnSent(size_t bytes) override { sent += bytes; }
  void OnFailed(UpstreamFailure failure) override { heard.push_back(failure.message); }

  std::vector<std::string> heard;
  model::Headers block;
  size_t sent = 0;
};

class RetriedCallTest : public ReadPathTest {
 protected:
  RetriedCallTest() {
    collapse_.reset();
    retry_.emplace();
  }

  void Start(absl::optional<base::Instant> deadline = absl::nullopt) {
    RetriedUpstream upstream(paths(0).around(), route());
    UpstreamHead head{RequestFor(kGet, {}), "catalog:50051", deadline, "", 3, client_};
    call_ = upstream.Start(std::move(head), ear_);
  }
  void Send(const std::string& bytes) { call_->Send(base::Slice(bytes)); }
  void Finish() { call_->Finish({}); }
  FakeCall& latest() { return upstream_.latest(); }
  uint64_t refused(RetryRefusal why) { return metrics().retry_refusals.of(why); }

  void TearDown() override {
    call_.reset();
    ReadPathTest::TearDown();
  }

  Ear ear_;
  std::unique_ptr<UpstreamCall> call_;
};

TEST_F(RetriedCallTest, WhatWasSentIsSentAgainAsItWas) {
  Start();
  Send("ab");
  Send("cd");
  Finish();
  latest().TrailersOnly(StatusCode::kUnavailable);
  Advance(50);
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(latest().sent(), "abcd");
  EXPECT_TRUE(latest().finished());
  EXPECT_EQ(latest().head().previous_attempts, 1);
  latest().Answer("blue kettle");
  EXPECT_THAT(ear_.heard, ElementsAre("initial", Framed("blue kettle"), "end"));
}

TEST_F(RetriedCallTest, AStreamGoesOnBehindWhatWasSent) {
  Start();
  Send("ab");
  latest().Fail(Kind::kLost);
  Send("cd");  // while the retry is awaited
  Advance(50);
  EXPECT_EQ(latest().sent(), "abcd");
  EXPECT_FALSE(latest().finished());
  Send("ef");
  Finish();
  EXPECT_EQ(latest().sent(), "abcdef");
  latest().Answer("blue kettle");
  EXPECT_EQ(ear_.heard.size(), 3);
}

TEST_F(RetriedCallTest, BytesAreReportedSentOnce) {
  Start();
  Send("abcd");
  latest().Take(3);
  EXPECT_EQ(ear_.sent, 3);
  latest().Fail(Kind::kLost);
  Advance(50);
  latest().Take(2);
  EXPECT_EQ(ear_.sent, 3);
  latest().Take(2);
  EXPECT_EQ(ear_.sent, 4);
}

TEST_F(RetriedCallTest, AReplyThatHasBegunEndsAllRetries) {
  Start();
  Finish();
  latest().Begin();
  latest().Fail(Kind::kLost);
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_THAT(ear_.heard, ElementsAre("initial", "upstream 'catalog': connection reset by peer"));
  EXPECT_EQ(metrics().retry_refusals.sum(), 0);
}

TEST_F(RetriedCallTest, TheLastAttemptsReplyGoesToTheCallerAsItIs) {
  Start();
  Finish();
  latest().TrailersOnly(StatusCode::kUnavailable);
  Advance(50);
  latest().TrailersOnly(StatusCode::kUnavailable,
                        {{"grpc-retry-pushback-ms", "5"}, {"grpc-message", "busy"}});
  EXPECT_THAT(ear_.heard, ElementsAre("trailers only"));
  EXPECT_EQ(ear_.block.Find("grpc-message"), "busy");
  EXPECT_EQ(ear_.block.Find("grpc-retry-pushback-ms"), "5") << "for the caller's own retries";
  EXPECT_EQ(refused(RetryRefusal::kAttempts), 1);
}

TEST_F(RetriedCallTest, ALargeRequestIsNotRetried) {
  Start();
  Send(std::string(200 << 10, 'x'));
  Send(std::string(100 << 10, 'x'));
  latest().TrailersOnly(StatusCode::kUnavailable);
  EXPECT_THAT(ear_.heard, ElementsAre("trailers only"));
  EXPECT_EQ(refused(RetryRefusal::kTooLarge), 1);
}

TEST_F(RetriedCallTest, ARequestThatGrowsLargeWhileARetryIsAwaitedIsSentWhole) {
  Start();
  Send(std::string(200 << 10, 'x'));
  latest().TrailersOnly(StatusCode::kUnavailable);
  Send(std::string(100 << 10, 'x'));
  Advance(50);
  EXPECT_EQ(latest().sent().size(), 300 << 10);
}

// PITFALLS 26
TEST_F(RetriedCallTest, ARetryHasTheFreeResendsThatTheCallsBeforeLeft) {
  retry_->attempts = 3;
  Start();
  EXPECT_EQ(latest().head().resends, 3);
  latest().TrailersOnly(StatusCode::kUnavailable);
  Advance(50);
  EXPECT_EQ(latest().head().resends, 3);
  latest().trip().resends = 2;
  latest().TrailersOnly(StatusCode::kUnavailable);
  Advance(100);
  EXPECT_EQ(latest().head().resends, 1);
  latest().Answer("blue kettle");
}

TEST_F(RetriedCallTest, WhatDidNotStartAfterAllFreeResendsIsRetriedLikeOtherFailures) {
  Start();
  latest().trip().resends = 3;
  latest().Fail(Kind::kNotStarted);
  EXPECT_EQ(upstream_.calls(), 1);
  Advance(50);
  ASSERT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(latest().head().resends, 0);
  latest().Fail(Kind::kNotStarted);
  EXPECT_EQ(upstream_.calls(), 2);
  EXPECT_EQ(ear_.heard.size(), 1);
  EXPECT_EQ(refused(RetryRefusal::kAttempts), 1);
}

TEST_F(RetriedCallTest, ALostWriteIsNotSentAgainWhereCodesDoNotNameIt) {
  retry_->codes = {StatusCode::kResourceExhausted};
  Start();
  latest().Fail(Kind::kLost);
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
  EXPECT_EQ(ear_.heard.size(), 1);
}

TEST_F(RetriedCallTest, ACallerThatLeavesTakesItsRetryWithIt) {
  Start();
  latest().Fail(Kind::kLost);
  call_->Cancel(Unanswered::kCancelled);
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(RetriedCallTest, ACallThatIsLetGoTakesItsRetryWithIt) {
  Start();
  latest().Fail(Kind::kLost);
  call_.reset();
  Advance(1000);
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(RetriedCallTest, NoRetryIsAwaitedPastTheCallersDeadline) {
  Start(loops_[0].Now() + std::chrono::milliseconds(50));
  latest().Fail(Kind::kLost);
  EXPECT_EQ(ear_.heard.size(), 1);
  EXPECT_EQ(refused(RetryRefusal::kDeadline), 1);
}

TEST_F(RetriedCallTest, ACallThatIsNobodysShareStaysSo) {
  client_ = std::make_shared<memory::Client>();
  Start();
  call_->Disown();
  latest().Fail(Kind::kLost);
  Advance(50);
  EXPECT_EQ(latest().head().client, nullptr);
  EXPECT_NE(upstream_.call(0).head().client, nullptr);
}

TEST_F(RetriedCallTest, ItsTripBeginsWithTheFirstCall) {
  const base::Instant begun = loops_[0].Now();
  Start();
  latest().Fail(Kind::kLost);
  Advance(50);
  latest().trip().ended = loops_[0].Now();
  EXPECT_EQ(call_->trip().begun, begun);
  EXPECT_EQ(call_->trip().ended, begun + std::chrono::milliseconds(50));
}

TEST_F(RetriedCallTest, EachCallIsASpanOfItsOwnBelowItsCallers) {
  trace::Recorder recorder{1, 0, [] { return absl::UnixEpoch(); }};
  trace::Tracer tracer{*trace::ParseSampling("100%"), recorder};
  tracer_ = &tracer;
  const std::shared_ptr<const model::Request> request = RequestFor(kGet, {});
  const std::unique_ptr<trace::OpenSpan> caller = tracer.BeginCall(*request, loops_[0].Now());
  UpstreamHead head{request, "catalog:50051", absl::nullopt, ""};
  head.span = tracer.BeginUpstreamCall(caller->span->self, {*request, "catalog", "catalog:50051"},
                                       loops_[0].Now());
  call_ = RetriedUpstream(paths(0).around(), route()).Start(std::move(head), ear_);
  latest().Fail(Kind::kLost);
  Advance(50);
  ASSERT_EQ(upstream_.calls(), 2);
  const trace::Span& first = *upstream_.call(0).head().span->span;
  const trace::Span& second = *latest().head().span->span;
  EXPECT_EQ(second.self.trace, caller->span->self.trace);
  EXPECT_EQ(second.parent, caller->span->self.span);
  EXPECT_NE(second.self.span, first.self.span);
}

}  // namespace
}  // namespace singleflight::core
