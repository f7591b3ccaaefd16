// What made a reply: the span of the upstream call, for those who got the reply of another.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

class TracedTest : public ReadPathTest {
 protected:
  TracedTest() { tracer_ = &own_; }

  // A caller that is recorded.
  TestWaiter& AskRecorded(const std::string& id) {
    const std::unique_ptr<trace::OpenSpan> span =
        own_.BeginCall(*RequestFor(kGet, {}), loops_[0].Now());
    span_ = span.get();
    TestWaiter& waiter = Ask(id);
    span_ = nullptr;
    return waiter;
  }

  const trace::OpenSpan* SpanOf(size_t call) { return upstream_.call(call).head().span.get(); }
  model::SpanRef IdOf(size_t call) { return SpanOf(call)->span->self; }

 private:
  trace::Recorder recorder_{1, 0, [] { return absl::UnixEpoch(); }};
  trace::Tracer own_{*trace::ParseSampling("100%"), recorder_};
};

TEST_F(TracedTest, FollowersLearnWhichCallMadeTheirReply) {
  AskRecorded("id-7");
  const TestWaiter& follower = AskOn(1, "id-7");
  Answer("blue kettle");
  ASSERT_NE(SpanOf(0), nullptr);
  EXPECT_EQ(follower.reply().made_by, IdOf(0));
}

TEST_F(TracedTest, AStatusOfThisProgramsOwnIsOfTheCallToo) {
  AskRecorded("id-7");
  const TestWaiter& follower = AskOn(1, "id-7");
  upstream_.latest().Fail(UpstreamFailure::Kind::kUnreachable);
  Settle();
  EXPECT_EQ(follower.reply().made_by, IdOf(0));
}

TEST_F(TracedTest, HitsLearnWhichCallFilledTheirEntry) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  AskRecorded("id-7");
  Answer("blue kettle", {}, {{"grpc-retry-pushback-ms", "5"}});
  EXPECT_EQ(AskOn(2, "id-7").reply().made_by, IdOf(0));
  EXPECT_EQ(upstream_.calls(), 1);
}

TEST_F(TracedTest, ACallThatIsSentOnceMoreIsAnotherSpan) {
  AskRecorded("id-7");
  const TestWaiter& follower = AskOn(1, "id-7");
  upstream_.latest().Fail(UpstreamFailure::Kind::kLost);
  Settle();
  Answer("blue kettle");
  EXPECT_FALSE(IdOf(0) == IdOf(1));
  EXPECT_EQ(follower.reply().made_by, IdOf(1));
}

TEST_F(TracedTest, AHedgeIsASpanOfItsOwnAndTheOneThatRepliedMadeTheReply) {
  collapse_->hedge = HedgeOptions{absl::Milliseconds(30), 1'000'000};
  for (const size_t winner : {0, 1}) {
    const std::string id = "id-" + std::to_string(winner);
    AskRecorded(id);
    upstream_.latest().trip().sent = loops_[0].Now();
    upstream_.latest().Take(1);
    const TestWaiter& follower = AskOn(1, id);
    Advance(30);
    ASSERT_EQ(upstream_.calls(), 2 * winner + 2);
    AnswerCall(2 * winner + winner, "blue kettle");
    EXPECT_FALSE(IdOf(2 * winner) == IdOf(2 * winner + 1));
    EXPECT_EQ(follower.reply().made_by, IdOf(2 * winner + winner));
  }
}

TEST_F(TracedTest, AFlightIsRecordedIfItsLeaderIs) {
  Ask("id-7");
  const TestWaiter& follower = AskRecorded("id-7");
  Answer("blue kettle");
  EXPECT_EQ(SpanOf(0), nullptr);
  EXPECT_FALSE(static_cast<bool>(follower.reply().made_by));
}

}  // namespace
}  // namespace singleflight::core
