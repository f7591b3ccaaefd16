// What it takes for sharing to change, and who is concerned.

#include "server/core/verification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/core/read_path_fixture.h"

namespace singleflight::core {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class VerificationTest : public ::testing::Test {
 protected:
  VerificationTest() {
    verification_.set_on_step([this](const std::string& text) { steps_.push_back(text); });
  }

  void Differ(uint64_t leader, uint64_t follower, const std::string& part = "message field 3") {
    verification_.Note({{part}, {}, leader, follower, part + "; the requests differ in x-lang"},
                       now_);
  }
  void Change(const std::string& part = "message field 3") {
    verification_.Note({{}, {part}, 11, 12, ""}, now_);
  }
  bool Alone(uint64_t client) {
    const memory::Client asker(client);
    return verification_.KeepsApart(&asker);
  }
  Asked From(uint64_t client, const std::string& message) {
    return {ReadPathRequest(), base::Slice(message), client};
  }
  static std::shared_ptr<const model::Request> ReadPathRequest() {
    return std::make_shared<const model::Request>(absl::get<model::Request>(
        model::ParseRequest(HeadersOf({{":method", "POST"},
                                       {":scheme", "http"},
                                       {":path", kGet},
                                       {":authority", "shop"},
                                       {"content-type", "application/grpc"},
                                       {"te", "trailers"}}))));
  }

  const base::Instant now_ = base::Instant() + std::chrono::hours(1);
  Verification verification_{"/*", 1000};
  std::vector<std::string> steps_;
};

TEST_F(VerificationTest, OneTrialIsNoProof) {
  Differ(1, 2);
  EXPECT_EQ(verification_.sharing(), Sharing::kAll);
  EXPECT_FALSE(Alone(1));
  EXPECT_THAT(verification_.latest(), HasSubstr("message field 3; the requests differ in x-lang"));
}

TEST_F(VerificationTest, AfterTwoItsTwoClientsAreApart) {
  Differ(1, 2);
  Differ(1, 2);
  EXPECT_EQ(verification_.sharing(), Sharing::kSomeApart);
  EXPECT_TRUE(Alone(1));
  EXPECT_TRUE(Alone(2));
  EXPECT_FALSE(Alone(3));
  ASSERT_THAT(steps_, SizeIs(1));
  EXPECT_THAT(steps_[0], HasSubstr("message field 3; the requests differ in x-lang"));
}

TEST_F(VerificationTest, AProofOfTwoOthersStopsTheRoute) {
  for (int i = 0; i < 2; ++i) Differ(1, 2);
  Differ(3, 4);
  EXPECT_FALSE(Alone(3));
  Differ(4, 5);
  EXPECT_EQ(verification_.sharing(), Sharing::kStopped);
  EXPECT_TRUE(Alone(7));
  EXPECT_THAT(steps_, SizeIs(2));
}

// PITFALLS 48
TEST_F(VerificationTest, OneClientNeverStopsTheRouteForAll) {
  for (uint64_t other = 2; other < 1000; ++other) {
    Differ(1, other);
    Differ(other, 1);
  }
  EXPECT_EQ(verification_.sharing(), Sharing::kSomeApart);
  EXPECT_FALSE(Alone(500));
}

TEST_F(VerificationTest, APartThatChangesByItselfIsNoProof) {
  for (int i = 0; i < 100; ++i) {
    Change("metadata x-served-by");
    Change("metadata x-served-by");
    Differ(1, 2, "metadata x-served-by");
  }
  EXPECT_EQ(verification_.sharing(), Sharing::kAll);
  for (int i = 0; i < 2; ++i) Differ(1, 2, "message field 3");  // of another part
  EXPECT_EQ(verification_.sharing(), Sharing::kSomeApart);
}

TEST_F(VerificationTest, ALeaderThatIsNobodysIsNotApart) {
  for (int i = 0; i < 2; ++i) Differ(Asked::kNobody, 2);
  EXPECT_TRUE(Alone(2));
  for (int i = 0; i < 2; ++i) Differ(Asked::kNobody, 3);
  EXPECT_EQ(verification_.sharing(), Sharing::kStopped);
}

TEST_F(VerificationTest, ItSharesAgainWhenToldAndBeginsAnew) {
  for (int i = 0; i < 2; ++i) Differ(1, 2);
  for (int i = 0; i < 2; ++i) Differ(3, 4);
  EXPECT_TRUE(verification_.ShareAgain(now_));
  EXPECT_FALSE(verification_.ShareAgain(now_));
  EXPECT_FALSE(Alone(1));
  EXPECT_EQ(verification_.latest(), "");
  Differ(1, 2);
  EXPECT_EQ(verification_.sharing(), Sharing::kAll);
}

TEST_F(VerificationTest, TheFirstAreAllDrawnAndThenTheShareIs) {
  int first = 0;
  for (int i = 0; i < 1000; ++i) first += verification_.IsAmongFirst() ? 1 : 0;
  EXPECT_EQ(first, Verification::kAllAtFirst);
  std::minstd_rand random(7);
  int drawn = 0;
  for (int i = 0; i < 1'000'000; ++i) drawn += verification_.Draws(&random) ? 1 : 0;
  EXPECT_NEAR(drawn, 1000, 200);
}

TEST_F(VerificationTest, AStepHasTheNextCallersCheckedAgain) {
  while (verification_.IsAmongFirst()) {
  }
  for (int i = 0; i < 2; ++i) Differ(1, 2);
  EXPECT_TRUE(verification_.IsAmongFirst());
}

TEST_F(VerificationTest, WhatWasKeptBeforeAStepIsNotServedAfterIt) {
  EXPECT_FALSE(verification_.Distrusts(now_ - std::chrono::seconds(1)));
  for (int i = 0; i < 2; ++i) Differ(1, 2);
  EXPECT_TRUE(verification_.Distrusts(now_ - std::chrono::seconds(1)));
  EXPECT_FALSE(verification_.Distrusts(now_));
}

TEST_F(VerificationTest, TheLatestLeaderOfAKeyIsKnown) {
  verification_.NoteLeader(7, From(1, "one"));
  verification_.NoteLeader(7, From(2, "two"));
  ASSERT_TRUE(verification_.LeaderOf(7).has_value());
  EXPECT_EQ(verification_.LeaderOf(7)->client, 2);
  EXPECT_EQ(verification_.LeaderOf(7)->message.view(), "two");
  EXPECT_FALSE(verification_.LeaderOf(8).has_value());
}

TEST_F(VerificationTest, LeadersAreBoundedInBytesAndTheOldestGo) {
  verification_.NoteLeader(1, From(1, std::string(Verification::kLargestLeader, 'x')));
  EXPECT_FALSE(verification_.LeaderOf(1).has_value());
  for (uint64_t key = 0; key < 100; ++key) {
    verification_.NoteLeader(key, From(1, std::string(32 << 10, 'x')));
    verification_.NoteLeader(99, From(1, "of a key that is asked for often"));
  }
  size_t known = 0;
  for (uint64_t key = 0; key < 100; ++key) known += verification_.LeaderOf(key).has_value();
  EXPECT_LE(known, Verification::kLeaderBytes / (32 << 10) + 1);
  EXPECT_GE(known, 20);
  EXPECT_FALSE(verification_.LeaderOf(0).has_value());
  EXPECT_TRUE(verification_.LeaderOf(99).has_value());
}

}  // namespace
}  // namespace singleflight::core
