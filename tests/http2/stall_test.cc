// Peers that hold what waits for them, or begin what they do not end. Time is what the test says:
// one tick is a quarter of the stall timeout.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http2/ends.h"

namespace singleflight::http2::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kCancelCode = 8;
constexpr int kManyTicks = 3 * Progress::kTicks;

// A client whose streams have no window, and two calls that are answered.
class StallTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_.Greet({{kInitialWindowSize, 0}});
    server_.Ask(1);
    server_.Ask(3);
  }

  void Answer(size_t at, size_t bytes) {
    AnswerOk(*server_.ear(at).stream, std::string(bytes, 'x'));
    server_.Listen();
  }

  void Tick(int times = 1) {
    for (int i = 0; i < times; ++i) {
      server_.session.CutStalled();
      server_.Listen();
    }
  }

  ByHand server_{Side::kServer};
};

// PITFALLS 27
TEST_F(StallTest, AStreamWithoutAWindowIsResetAfterAWhileAndTheConnectionGoesOn) {
  Answer(0, 10);
  EXPECT_TRUE(server_.session.waits());
  Tick(Progress::kTicks);
  EXPECT_EQ(server_.ResetOf(1), -1);
  Tick();
  EXPECT_EQ(server_.ResetOf(1), kCancelCode);
  EXPECT_TRUE(server_.ear(0).EndedAs(Closed::Why::kStalled));
  EXPECT_THAT(server_.owner.bounds, ElementsAre(Bound::kStreamStall));
  EXPECT_EQ(server_.GoAwayError(), -1);
  EXPECT_FALSE(server_.session.waits());
  EXPECT_EQ(server_.session.streams(), 1u);
}

// PITFALLS 27
TEST_F(StallTest, AWindowThatIsOpenedByCrumbsDoesNotHelp) {
  Answer(0, 1 << 20);
  for (int i = 0; i <= Progress::kTicks; ++i) {
    server_.Say(WindowUpdate(1, 500));
    Tick();
  }
  EXPECT_EQ(server_.ResetOf(1), kCancelCode);
}

TEST_F(StallTest, ASlowDownloadIsNeverCut) {
  Answer(0, 1 << 20);
  for (int i = 0; i < kManyTicks; ++i) {
    server_.Say(WindowUpdate(1, Progress::kBytes / Progress::kTicks));
    Tick();
  }
  EXPECT_EQ(server_.ResetOf(1), -1);
  EXPECT_THAT(server_.owner.bounds, IsEmpty());
}

TEST_F(StallTest, ADownloadInOneBurstForEachPeriodIsNeverCut) {
  Answer(0, 1 << 20);
  for (int i = 0; i < kManyTicks; ++i) {
    if (i % Progress::kTicks == 0) server_.Say(WindowUpdate(1, Progress::kBytes));
    Tick();
  }
  EXPECT_EQ(server_.ResetOf(1), -1);
}

TEST_F(StallTest, AStreamThatWaitsForItsUpstreamIsNotStalled) {
  server_.ear(0).stream->SendHeaders(Block(ReplyFields()), false);
  server_.Say(WindowUpdate(1, 100));
  for (int i = 0; i < kManyTicks; ++i) {
    if (i == 1) {
      server_.ear(0).stream->Send(base::Slice("a word"));
      server_.Listen();
    }
    Tick();
  }
  EXPECT_EQ(server_.ResetOf(1), -1);
  EXPECT_FALSE(server_.session.waits());
}

TEST_F(StallTest, AWaitThatEndedBeforeCountsForNothing) {
  Answer(0, 10);
  Tick(Progress::kTicks);
  server_.Say(WindowUpdate(1, 10));
  Answer(1, 10);
  Tick(Progress::kTicks);
  EXPECT_EQ(server_.ResetOf(3), -1) << "it began to wait later";
  Tick();
  EXPECT_EQ(server_.ResetOf(3), kCancelCode);
  EXPECT_EQ(server_.BodyOf(1).size(), 10u);
}

TEST_F(StallTest, AConnectionWithoutAWindowHoldsUpItsStreamsToo) {
  server_.Say(WindowUpdate(1, 1 << 20));
  Answer(0, 1 << 20);  // as far as the window of the connection goes
  Tick(Progress::kTicks + 1);
  EXPECT_EQ(server_.ResetOf(1), kCancelCode);
}

TEST_F(StallTest, AResetThatWaitsBehindDataGoesOutAtLast) {
  server_.ear(0).stream->SendHeaders(Block(ReplyFields()), false);
  server_.ear(0).stream->Send(base::Slice("a word"));
  server_.ear(0).stream->ResetBehindData(ErrorCode::kInternalError);
  server_.Listen();
  EXPECT_EQ(server_.ResetOf(1), -1);
  Tick(Progress::kTicks + 1);
  EXPECT_NE(server_.ResetOf(1), -1);
  EXPECT_EQ(server_.session.streams(), 1u);
}

// PITFALLS 27
TEST_F(StallTest, AHeaderBlockThatDoesNotEndEndsTheConnection) {
  server_.Say(Frame{kHeaders, 0, 5, HeaderEncoder::Literal(RequestFields())});
  EXPECT_TRUE(server_.session.waits());
  Tick(Progress::kTicks);
  EXPECT_EQ(server_.GoAwayError(), -1);
  Tick();
  EXPECT_EQ(server_.GoAwayError(), 11) << "ENHANCE_YOUR_CALM";
  EXPECT_THAT(server_.owner.bounds, ElementsAre(Bound::kConnectionStall));
}

TEST_F(StallTest, TheFirstFrameOfABlockOfSeveralCountsBeforeItHasCome) {
  Frame frame{kHeaders, 0, 5, std::string(10'000, 'x')};
  server_.Say(frame.Encoded().substr(0, 9'000));
  EXPECT_TRUE(server_.session.waits());
  EXPECT_GE(server_.session.BlockFootprint(), 9'000u);
  Tick(Progress::kTicks + 1);
  EXPECT_EQ(server_.GoAwayError(), 11);
  EXPECT_THAT(server_.owner.bounds, ElementsAre(Bound::kConnectionStall));
}

TEST_F(StallTest, NoHeaderBlockIsOpenOnceItHasEndedHoweverItDid) {
  server_.SayHeaders(5, RequestFields());
  EXPECT_FALSE(server_.session.waits()) << "whole";
  server_.SayBlock(7, HeaderEncoder::Literal(RequestFields("/s/M", {{"X-Bad", "a"}})));
  EXPECT_FALSE(server_.session.waits()) << "an invalid field";
  server_.SayBlock(9, HeaderEncoder::Literal({{":method", "POST"}}));
  EXPECT_FALSE(server_.session.waits()) << "not a request";
  server_.Say(RstStream(5, 8));
  server_.SayHeaders(5, {{"x-late", "1"}}, true);
  EXPECT_FALSE(server_.session.waits()) << "of a stream that is gone";
}

}  // namespace
}  // namespace singleflight::http2::testing
