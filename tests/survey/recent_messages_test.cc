// In which fields a message differs from the recent ones of keys that are equal but for it.

#include "server/survey/recent_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "tests/survey/keys.h"
#include "tests/wire/fields.h"

namespace singleflight::survey {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using wire::Group;
using wire::Number;
using wire::Text;

class RecentMessagesTest : public ::testing::Test {
 protected:
  // The names of what differs; then the message is one of the recent.
  std::vector<std::string> Note(const std::string& message, const model::Fields& metadata = {}) {
    const MessageMarks marks(keys_.Of({metadata, Framed(message)}));
    std::vector<std::string> names;
    for (const NamedDifference& difference :
         recent_->Between(marks, base::After(now_, -absl::Minutes(1)))) {
      EXPECT_EQ(difference.kind, SplitKind::kField);
      names.push_back(difference.name);
    }
    recent_->Keep(marks, now_);
    return names;
  }

  Keys keys_;
  const std::unique_ptr<RecentMessages> recent_ = std::make_unique<RecentMessages>();
  base::Instant now_ = base::Instant() + std::chrono::hours(1);
};

TEST_F(RecentMessagesTest, TheFirstMessageMeetsNobody) { EXPECT_THAT(Note("\x08\x01"), IsEmpty()); }

TEST_F(RecentMessagesTest, AMessageThatIsThereIsNoSplit) {
  Note(Number(1, 1));
  Note(Number(1, 2));
  EXPECT_THAT(Note(Number(1, 1)), IsEmpty());
}

TEST_F(RecentMessagesTest, TheFieldThatDiffersIsNamed) {
  Note(Number(1, 7) + Text(2, "ann's"));
  EXPECT_THAT(Note(Number(1, 7) + Text(2, "bob's")), ElementsAre("2"));
  EXPECT_THAT(Note(Number(1, 7)), ElementsAre("2"));
}

TEST_F(RecentMessagesTest, FieldsInsideAreNamedByTheirPaths) {
  const std::string rest = Number(1, 7) + Text(4, "x");
  Note(Text(3, rest + Number(2, 1)) + Group(5, Number(1, 1)));
  EXPECT_THAT(Note(Text(3, rest + Number(2, 2)) + Group(5, Number(1, 1))), ElementsAre("3.2"));
  EXPECT_THAT(Note(Text(3, rest + Number(2, 2)) + Group(5, Number(1, 2))), ElementsAre("5.1"));
  EXPECT_THAT(Note(Text(3, rest) + Group(5, Number(1, 3))), ElementsAre("3.2", "5.1"));
}

TEST_F(RecentMessagesTest, AMessageThatIsThereOrNotIsNamedWithoutItsFields) {
  Note(Number(1, 7));
  EXPECT_THAT(Note(Number(1, 7) + Text(3, Number(2, 1) + Number(3, 1))), ElementsAre("3"));
  EXPECT_THAT(Note(Number(1, 7) + Text(3, "text")), ElementsAre("3"));
}

TEST_F(RecentMessagesTest, AnEmptyMessageDiffersInTheFieldsThatAnotherHas) {
  Note(Text(3, ""));
  EXPECT_THAT(Note(Text(3, Number(2, 1))), ElementsAre("3.2"));
}

TEST_F(RecentMessagesTest, TheNearestIsComparedAndOfTwoTheLater) {
  Note(Number(1, 1) + Number(2, 1) + Number(3, 1));
  Note(Number(1, 1) + Number(2, 2) + Number(3, 2));
  EXPECT_THAT(Note(Number(1, 2) + Number(2, 1) + Number(3, 1)), ElementsAre("1"));
  Note(Number(4, 1) + Number(5, 2));
  Note(Number(4, 2) + Number(5, 1));
  EXPECT_THAT(Note(Number(4, 1) + Number(5, 1)), ElementsAre("4"));
}

TEST_F(RecentMessagesTest, OthersThanKeysThatAreEqualButForItAreNotCompared) {
  Note(Number(1, 1), {{"x-a", "1"}});
  EXPECT_THAT(Note(Number(1, 2), {{"x-a", "2"}}), IsEmpty());
  EXPECT_THAT(Note(Number(1, 2), {{"x-a", "1"}}), ElementsAre("1"));
}

TEST_F(RecentMessagesTest, MessagesOfLongAgoAreNotCompared) {
  Note(Number(1, 1));
  now_ += std::chrono::seconds(61);
  EXPECT_THAT(Note(Number(1, 2)), IsEmpty());
  now_ += std::chrono::seconds(60);
  EXPECT_THAT(Note(Number(1, 3)), SizeIs(1));
}

TEST_F(RecentMessagesTest, WhatCannotBeNamedIsTheMessage) {
  Note("\xff");
  EXPECT_THAT(Note("\xfe"), ElementsAre("message"));
  EXPECT_THAT(Note(Number(1, 1) + Number(2, 1)), ElementsAre("message"));
  EXPECT_THAT(Note(Number(2, 1) + Number(1, 1)), ElementsAre("message"));  // in another order
  EXPECT_THAT(Note("\xfd"), ElementsAre("message"));
}

TEST_F(RecentMessagesTest, OfTwoTheLaterIsComparedWhereverItStands) {
  Note(Number(6, 1));
  Note(Number(4, 1) + Number(5, 2));
  for (uint32_t i = 2; i < 8; ++i) Note(Number(6, i) + Number(7, i) + Number(8, i));
  Note(Number(4, 2) + Number(5, 1));  // in the place of the first
  EXPECT_THAT(Note(Number(4, 1) + Number(5, 1)), ElementsAre("4"));
}

TEST_F(RecentMessagesTest, DistanceCountsFieldsOfBoth) {
  Note(Number(1, 1) + Number(2, 1));
  Note(Number(1, 1) + Number(3, 1) + Number(4, 1) + Number(5, 1));
  EXPECT_THAT(Note(Number(1, 1)), ElementsAre("2"));
}

TEST_F(RecentMessagesTest, OneThatCanBeTakenApartIsNearerThanOneThatCannot) {
  Note(Number(1, 1));
  Note("\xff");
  EXPECT_THAT(Note(Number(1, 2)), ElementsAre("1"));
}

TEST_F(RecentMessagesTest, MoreThanAFewFieldsAreTheMessage) {
  std::string few, many;
  for (uint32_t i = 1; i <= RecentMessages::kMostNamed; ++i) few += Number(i, 1);
  Note("");
  EXPECT_THAT(Note(few), SizeIs(RecentMessages::kMostNamed));
  for (uint32_t i = 100; i <= 100 + RecentMessages::kMostNamed; ++i) many += Number(i, 1);
  EXPECT_THAT(Note(many), ElementsAre("message"));
}

TEST_F(RecentMessagesTest, AFloodOfMessagesDrivesOutOldOnes) {
  Note(Number(1, 1) + Number(2, 1));
  for (uint32_t i = 0; i < 100; ++i) Note(Number(3, i) + Number(4, i));
  EXPECT_THAT(Note(Number(1, 1) + Number(2, 2)), ElementsAre("1", "2", "3", "4"));
}

}  // namespace
}  // namespace singleflight::survey
