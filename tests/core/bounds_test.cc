// PITFALLS 14: waiters, flights and bytes are bounded, and what is counted comes back to zero (see
// TearDown).

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using wire::StatusCode;

using BoundsTest = ReadPathTest;

// PITFALLS 14
TEST_F(BoundsTest, AFlightPastMaxFlightsIsRefusedByTheNameOfTheBound) {
  max_flights_ = 2;
  Ask("id-1");
  Ask("id-2");
  EXPECT_THAT(Ask("id-3").reply(),
              IsStatus(StatusCode::kResourceExhausted, "'catalog': max_flights (2)"));
  EXPECT_EQ(metrics().resource_exhausted.value(), 1);
  for (size_t i = 0; i < 2; ++i) upstream_.call(i).Answer("blue kettle");
}

// PITFALLS 14
TEST_F(BoundsTest, CallersMayJoinWhenThereIsNoRoomForAnotherFlight) {
  max_flights_ = 1;
  Ask("id-1");
  EXPECT_EQ(Ask("id-1").heard(), 0);
  Answer("blue kettle");
}

// PITFALLS 14
TEST_F(BoundsTest, AFlightThatLandsMakesRoomForAnother) {
  max_flights_ = 1;
  Ask("id-1");
  Answer("blue kettle");
  EXPECT_EQ(Ask("id-2").heard(), 0);
  Answer("red kettle");
}

// PITFALLS 14
TEST_F(BoundsTest, AFlightMakesRoomEvenWhileItsReplyIsOnItsWayToOtherLoops) {
  max_flights_ = 1;
  Ask("id-1");
  AskOn(1, "id-1");
  upstream_.latest().Answer("blue kettle");
  EXPECT_EQ(shared().flights, 0);
}

// PITFALLS 14
TEST_F(BoundsTest, ARequestPastMaxHeldBytesIsRefusedByTheNameOfTheBound) {
  max_held_bytes_ = 1000;
  EXPECT_THAT(Ask(std::string(2000, 'x')).reply(),
              IsStatus(StatusCode::kResourceExhausted,
                       "'catalog': flights hold more than max_held_bytes (1000)"));
  EXPECT_EQ(upstream_.calls(), 0);
}

// PITFALLS 14
TEST_F(BoundsTest, AReplyPastMaxHeldBytesEndsTheFlightForEveryone) {
  max_held_bytes_ = 4096;
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = AskOn(1, "id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed(std::string(5000, 'x')).substr(0, 4500));
  Settle();
  EXPECT_TRUE(upstream_.latest().cancelled());
  for (const TestWaiter* waiter : {&leader, &follower}) {
    EXPECT_THAT(waiter->reply(), IsStatus(StatusCode::kResourceExhausted, "max_held_bytes (4096)"));
  }
}

// PITFALLS 14
TEST_F(BoundsTest, HeadersAndTrailersCountAsHeldBytes) {
  max_held_bytes_ = 4096;
  TestWaiter& large_headers = Ask("id-7");
  upstream_.latest().Begin({{"x-large", std::string(5000, 'x')}});
  EXPECT_THAT(large_headers.reply(), IsStatus(StatusCode::kResourceExhausted, "max_held_bytes"));

  TestWaiter& large_trailers = Ask("id-8");
  upstream_.latest().Begin();
  upstream_.latest().End({{"x-large", std::string(5000, 'x')}});
  EXPECT_THAT(large_trailers.reply(), IsStatus(StatusCode::kResourceExhausted, "max_held_bytes"));
}

// PITFALLS 14
TEST_F(BoundsTest, BytesAreHeldUntilTheLastCallerHasWrittenItsReply) {
  TestWaiter& fast = Ask("id-7");
  TestWaiter& slow = AskOn(1, "id-7");
  Answer(std::string(1000, 'x'));
  EXPECT_GE(shared().held_bytes, 1000);
  fast.Drop();
  EXPECT_GE(shared().held_bytes, 1000);
  slow.Drop();
  EXPECT_EQ(shared().held_bytes, 0);
}

// PITFALLS 14
TEST_F(BoundsTest, AFollowersCopyHoldsTheBytesAsWell) {
  TestWaiter& leader = Ask("id-7");
  TestWaiter& follower = Ask("id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed(std::string(1000, 'x')));
  upstream_.latest().End({{"grpc-retry-pushback-ms", "5"}});
  leader.Drop();
  EXPECT_GE(shared().held_bytes, 1000);
  follower.Drop();
  EXPECT_EQ(shared().held_bytes, 0);
}

// PITFALLS 14
TEST_F(BoundsTest, AnAbandonedFlightHoldsNothing) {
  TestWaiter& waiter = Ask("id-7");
  upstream_.latest().Begin();
  upstream_.latest().Data(Framed(std::string(1000, 'x')).substr(0, 500));
  Leave(waiter);
  Settle();
  EXPECT_EQ(shared().held_bytes, 0);
}

TEST_F(BoundsTest, ALoopThatStopsDropsItsWaitersAndNotTheProgram) {
  Ask("id-7");
  AskOn(1, "id-7");
  upstream_.latest().Answer("blue kettle");
  loops_[1].Stop();
  EXPECT_EQ(waiters_.back().heard(), 0);
  waiters_.pop_back();
}

// PITFALLS 14
TEST_F(BoundsTest, LargeKeptRepliesCountAsHeldWhileTheyAreBeingWritten) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  max_held_bytes_ = 100'000;
  Ask("id-7");
  Answer(std::string(40'000, 'x'));
  waiters_.front().Drop();
  Ask("id-8");
  Answer(std::string(70'000, 'x'));
  waiters_.back().Drop();
  absl::optional<model::Reply> one = paths(0).Hold(route(), Look("id-7").reply);
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(shared().held_bytes.load(), 40'005);
  EXPECT_FALSE(paths(0).Hold(route(), Look("id-8").reply).has_value());
  one.reset();
  EXPECT_EQ(shared().held_bytes.load(), 0);
  EXPECT_TRUE(paths(0).Hold(route(), Look("id-8").reply).has_value());
}

TEST_F(BoundsTest, AClientThatHoldsMoreThanHalfLeavesTheLastQuarterToOthers) {
  max_held_bytes_ = 10'000;
  const auto greedy = std::make_shared<memory::Client>();
  client_ = greedy;
  Ask(std::string(1500, 'a'));  // which the key holds once more
  Ask(std::string(1500, 'b'));
  ASSERT_EQ(upstream_.calls(), 2);
  Ask(std::string(1500, 'c'));
  EXPECT_EQ(served_, Served::kPastShare);
  EXPECT_EQ(upstream_.calls(), 2);
  client_ = std::make_shared<memory::Client>();
  EXPECT_EQ(Ask(std::string(1500, 'd')).heard(), 0) << "another client's goes upstream";
  for (FakeCall* call : std::vector(upstream_.live_calls())) call->Answer("blue kettle");
  Settle();
  for (TestWaiter& waiter : waiters_) waiter.Drop();
  EXPECT_EQ(greedy->HeldOf("catalog")->load(), 0);
}

// docs/semantics.md §2: as no upstream call of its own comes of it.
TEST_F(BoundsTest, AClientThatHoldsItsShareFollowsOthers) {
  max_held_bytes_ = 10'000;
  const auto greedy = std::make_shared<memory::Client>();
  client_ = greedy;
  Ask(std::string(1500, 'a'));
  Ask(std::string(1500, 'b'));
  client_ = std::make_shared<memory::Client>();
  Ask("id-7");
  client_ = greedy;
  Ask("id-7");
  EXPECT_EQ(served_, Served::kFollows);
  for (FakeCall* call : std::vector(upstream_.live_calls())) call->Answer("blue kettle");
  Settle();
  EXPECT_EQ(waiters_.back().reply().body, Framed("blue kettle"));
  for (TestWaiter& waiter : waiters_) waiter.Drop();
}

TEST_F(BoundsTest, OneLargeThingIsNoMoreThanAClientsShare) {
  max_held_bytes_ = 10'000;
  client_ = std::make_shared<memory::Client>();
  EXPECT_EQ(Ask(std::string(4000, 'a')).heard(), 0);
  Answer("blue kettle");
}

TEST_F(BoundsTest, KeptRepliesInWritingCountForTheirClient) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  max_held_bytes_ = 100'000;
  for (const char* id : {"id-6", "id-7", "id-8"}) {
    Ask(id);
    Answer(std::string(id == std::string("id-6") ? 60'000 : 20'000, 'x'));
    waiters_.back().Drop();
  }
  const auto greedy = std::make_shared<memory::Client>();
  const auto modest = std::make_shared<memory::Client>();
  const auto large = paths(0).Hold(route(), Look("id-6").reply, greedy);
  ASSERT_TRUE(large.has_value());
  EXPECT_FALSE(paths(0).Hold(route(), Look("id-7").reply, greedy).has_value());
  EXPECT_TRUE(paths(0).Hold(route(), Look("id-8").reply, modest).has_value());
}

TEST_F(BoundsTest, WhatIsHeldAlreadyIsChargedToEachClientOnceThatItIsWrittenTo) {
  max_held_bytes_ = 100'000;
  const auto leader = std::make_shared<memory::Client>();
  const auto reader = std::make_shared<memory::Client>();
  client_ = leader;
  const TestWaiter& waiter = Ask("id-7");
  Answer(std::string(40'000, 'x'));
  EXPECT_EQ(leader->HeldOf("catalog")->load(), 0);
  EXPECT_EQ(leader->buffered.load(), 0);
  std::vector<absl::optional<model::Reply>> callers;
  for (int i = 0; i < 10; ++i) {
    callers.push_back(paths(0).Hold(route(), waiter.reply(), reader, Counted::kAsHeld));
  }
  EXPECT_EQ(reader->HeldOf("catalog")->load(), 40'005);
  EXPECT_EQ(reader->buffered.load(), 40'005);
  callers.clear();
  EXPECT_EQ(reader->HeldOf("catalog")->load(), 0);
  EXPECT_EQ(reader->buffered.load(), 0);
}

TEST_F(BoundsTest, PastItsShareAClientGetsNothingElseThatIsHeldButWhatItAskedForItself) {
  max_held_bytes_ = 100'000;
  const auto greedy = std::make_shared<memory::Client>();
  const TestWaiter& large = Ask("id-7");
  Answer(std::string(60'000, 'x'));
  const auto held = paths(0).Hold(route(), large.reply(), greedy, Counted::kAsHeld);
  ASSERT_TRUE(held.has_value());
  const TestWaiter& next = Ask("id-8");
  Answer(std::string(20'000, 'x'));
  EXPECT_FALSE(paths(0).Hold(route(), next.reply(), greedy, Counted::kAsHeld).has_value());
  EXPECT_TRUE(paths(0).Hold(route(), large.reply(), greedy, Counted::kAsHeld).has_value());
  EXPECT_TRUE(paths(0).Hold(route(), next.reply(), greedy, Counted::kAsAsked).has_value());
}

TEST_F(BoundsTest, AKeptReplyThatManyCallersGetCountsOnceOnEachLoop) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  max_held_bytes_ = 100'000;
  Ask("id-7");
  Answer(std::string(40'000, 'x'));
  waiters_.front().Drop();
  std::vector<absl::optional<model::Reply>> callers;
  for (int i = 0; i < 100; ++i) callers.push_back(paths(i % 2).Hold(route(), Look("id-7").reply));
  for (const auto& reply : callers) ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(shared().held_bytes.load(), 2 * 40'005);
  callers.resize(1);
  EXPECT_EQ(shared().held_bytes.load(), 40'005);
  callers.clear();
  EXPECT_EQ(shared().held_bytes.load(), 0);
}

TEST_F(BoundsTest, SmallKeptRepliesAreNotCounted) {
  cache_ = cache::FreshnessRules{absl::Seconds(5), absl::nullopt, false};
  Ask("id-7");
  Answer(std::string(1000, 'x'));
  waiters_.front().Drop();
  const absl::optional<model::Reply> kept = paths(0).Hold(route(), Look("id-7").reply);
  EXPECT_TRUE(kept.has_value());
  EXPECT_EQ(shared().held_bytes.load(), 0);
}

}  // namespace
}  // namespace singleflight::core
