// What the read path tells of keys: why calls did not meet, and which keys are asked for most.

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class SurveyTest : public ReadPathTest {
 protected:
  std::vector<survey::Split> Splits() { return Surveyed().splits->List(); }

  // By all loops.
  std::vector<survey::TopKey> Top(survey::TopBy by) {
    std::vector<std::vector<survey::TopSketch::Sum>> sums;
    for (size_t loop = 0; loop < 3; ++loop) sums.push_back(Surveyed(loop).top->Sums(by));
    return survey::Merged(sums);
  }

  void Keep() { cache_ = cache::FreshnessRules{absl::Minutes(10), absl::nullopt, false}; }
};

TEST_F(SurveyTest, AHeaderThatKeepsLeadersApartIsNamed) {
  Ask("id-7", {{"x-device-id", "1"}});
  Ask("id-7", {{"x-device-id", "2"}});
  ASSERT_THAT(Splits(), SizeIs(1));
  EXPECT_EQ(Splits()[0].name, "x-device-id");
  EXPECT_EQ(Splits()[0].calls, 1);
  AnswerCall(0, "blue kettle");
  AnswerCall(1, "blue kettle");
}

TEST_F(SurveyTest, ClientsOfTwoWorkersAreCompared) {
  AskOn(0, "id-7", {{"x-device-id", "1"}});
  AskOn(1, "id-7", {{"x-device-id", "2"}});
  EXPECT_THAT(Splits(), SizeIs(1));
  AnswerCall(0, "blue kettle");
  AnswerCall(1, "blue kettle");
}

TEST_F(SurveyTest, CallsThatMeetAndRepliesThatEndedAreNoSplit) {
  Keep();
  Ask("id-7");
  Ask("id-7");
  Answer("blue kettle");
  Ask("id-7");
  Advance(11 * 60 * 1000);
  Ask("id-7");
  Answer("blue kettle");
  EXPECT_THAT(Splits(), IsEmpty());
  EXPECT_EQ(upstream_.calls(), 2);
}

TEST_F(SurveyTest, WhatIsKeptIsRecentForAsLong) {
  Keep();
  Ask("id-7", {{"x-device-id", "1"}});
  Answer("blue kettle");
  Advance(9 * 60 * 1000);
  Ask("id-7", {{"x-device-id", "2"}});
  Answer("blue kettle");
  EXPECT_THAT(Splits(), SizeIs(1));
}

TEST_F(SurveyTest, CallersThatDifferInNoiseAloneMeet) {
  Ask("id-7", {{"traceparent", "1"}});
  Ask("id-7", {{"traceparent", "2"}});
  Answer("blue kettle");
  EXPECT_THAT(Splits(), IsEmpty());
}

TEST_F(SurveyTest, AFieldOfTheMessageThatKeepsLeadersApartIsNamed) {
  Ask("\x08\x07\x12\x03"
      "ann");
  Ask("\x08\x07\x12\x03"
      "bob");
  ASSERT_THAT(Splits(), SizeIs(1));
  EXPECT_EQ(Splits()[0].kind, survey::SplitKind::kField);
  EXPECT_EQ(Splits()[0].name, "2");
  EXPECT_EQ(Splits()[0].method, kGet);
  AnswerCall(0, "blue kettle");
  AnswerCall(1, "blue kettle");
}

TEST_F(SurveyTest, AnAuthorityThatIsPreservedIsNamed) {
  upstream_.PreserveAuthorities();
  for (const char* authority : {"a.example", "b.example"}) {
    Serve(route(), waiters_.emplace_back(paths(0)), "id-7", RequestFrom(authority, kGet, {}));
  }
  ASSERT_THAT(Splits(), SizeIs(1));
  EXPECT_EQ(Splits()[0].kind, survey::SplitKind::kAuthority);
  AnswerCall(0, "blue kettle");
  AnswerCall(1, "blue kettle");
}

TEST_F(SurveyTest, CallsAreCountedByKeyWhateverBecomesOfThem) {
  Keep();
  Ask("hot");
  AskOn(1, "hot");
  Answer("blue kettle");
  for (int i = 0; i < 5; ++i) AskOn(2, "hot");
  Ask("cold");
  Answer("red kettle");
  const std::vector<survey::TopKey> top = Top(survey::TopBy::kCalls);
  ASSERT_THAT(top, SizeIs(2));
  EXPECT_EQ(top[0].key, KeyFor("hot").hash);
  EXPECT_EQ(top[0].method, kGet);
  EXPECT_EQ(top[0].count, 7);
  EXPECT_EQ(top[0].error, 0);
  EXPECT_EQ(top[1].count, 1);
}

TEST_F(SurveyTest, FollowersAndHitsSaveTheBytesOfTheirReplies) {
  Keep();
  Ask("hot");
  Ask("hot");
  AskOn(1, "hot");
  Answer("blue kettle");
  Ask("hot");
  const std::vector<survey::TopKey> top = Top(survey::TopBy::kSavedBytes);
  ASSERT_THAT(top, SizeIs(1));
  EXPECT_EQ(top[0].key, KeyFor("hot").hash);
  EXPECT_EQ(top[0].count, 3 * Framed("blue kettle").size());
}

TEST_F(SurveyTest, AStatusOfTheProxysOwnSavesNothing) {
  Ask("hot");
  Ask("hot");
  Advance(16'000);  // flight_timeout
  EXPECT_THAT(Top(survey::TopBy::kSavedBytes), IsEmpty());
}

TEST_F(SurveyTest, ManyHitsAreCountedBySample) {
  Keep();
  Ask("hot");
  Answer("blue kettle");
  for (int i = 0; i < 20'000; ++i) {
    Ask("hot");
    ForgetServed();
  }
  const std::vector<survey::TopKey> top = Top(survey::TopBy::kCalls);
  ASSERT_THAT(top, SizeIs(1));
  EXPECT_NEAR(static_cast<double>(top[0].count), 20'001, static_cast<double>(top[0].error));
  EXPECT_LT(top[0].error, 5'000);
}

}  // namespace
}  // namespace singleflight::core
