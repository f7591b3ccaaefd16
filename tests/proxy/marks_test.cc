#include "server/proxy/marks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/metrics/by_reason.h"

namespace singleflight::proxy {
namespace {

using Source = core::Answer::Source;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr base::Instant kNow = base::Instant(std::chrono::hours(1));

std::vector<std::string> Shown(const Marks& marks) {
  std::vector<std::string> shown;
  for (const model::Field& field : marks.fields()) {
    EXPECT_FALSE(field.never_index);
    shown.push_back(absl::StrCat(field.name, ": ", field.value));
  }
  return shown;
}

// An answer that was born so long before now and expires so long after.
core::Answer AnswerFrom(Source source, std::chrono::milliseconds born,
                        std::chrono::milliseconds expires = {}) {
  return {source, {}, {kNow - born, kNow + expires}};
}

std::vector<std::string> ShownOf(const core::Answer& answer, const MarkOptions& options = {}) {
  return Shown(Marks(options, answer, kNow));
}

TEST(MarksTest, EachAnswerSaysHowItCame) {
  using std::chrono::seconds;
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kHit, seconds(3), seconds(4))),
              ElementsAre("age: 3", "cache-status: singleflight; hit; ttl=4"));
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kStored, seconds(0))),
              ElementsAre("age: 0", "cache-status: singleflight; fwd=uri-miss; stored"));
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kForwarded, seconds(2))),
              ElementsAre("age: 2", "cache-status: singleflight; fwd=uri-miss"));
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kCollapsed, seconds(0))),
              ElementsAre("age: 0", "cache-status: singleflight; fwd=uri-miss; collapsed"));
}

struct Row {
  std::string name;  // the section, and what is said there
  Source source;
  int expires;  // in so many seconds
  bool by_request;
  std::string member;
};

class Rfc9211Test : public ::testing::TestWithParam<Row> {};

TEST_P(Rfc9211Test, TheMemberOfThisCacheIs) {
  const Row& row = GetParam();
  const core::Answer answer = AnswerFrom(row.source, {}, std::chrono::seconds(row.expires));
  EXPECT_THAT(Shown(Marks(MarkOptions{"edge", false, true}, answer, kNow, row.by_request)),
              ElementsAre("cache-status: edge; " + row.member));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Rfc9211Test,
    ::testing::Values(
        Row{"S2_1_Hit", Source::kHit, 9, false, "hit; ttl=9"},
        Row{"S2_1_AHitThatTheRequestAllows", Source::kHit, 9, true, "hit; ttl=9"},
        Row{"S2_2_FwdUriMiss", Source::kForwarded, 0, false, "fwd=uri-miss"},
        Row{"S2_2_FwdRequest", Source::kForwarded, 0, true, "fwd=request"},
        Row{"S2_4_TtlOfWhatIsOver", Source::kHit, -3, false, "hit; ttl=-3"},
        Row{"S2_4_TtlAfterAFailure", Source::kStale, -3, false, "hit; ttl=-3"},
        Row{"S2_5_Stored", Source::kStored, 0, false, "fwd=uri-miss; stored"},
        Row{"S2_5_StoredForARequest", Source::kStored, 0, true, "fwd=request; stored"},
        Row{"S2_6_Collapsed", Source::kCollapsed, 0, false, "fwd=uri-miss; collapsed"}),
    [](const auto& row) { return row.param.name; });

TEST(MarksTest, WhatThisProgramSaysItselfHasNone) {
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kOwn, std::chrono::seconds(3))), IsEmpty());
}

TEST(MarksTest, SecondsAreWholeOnes) {
  using std::chrono::milliseconds;
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kHit, milliseconds(2999), milliseconds(1999))),
              ElementsAre("age: 2", "cache-status: singleflight; hit; ttl=1"));
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kHit, milliseconds(999), milliseconds(1))),
              ElementsAre("age: 0", "cache-status: singleflight; hit; ttl=0"));
}

TEST(MarksTest, AnAgeIsNeverNegative) {
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kForwarded, std::chrono::seconds(-3))),
              ElementsAre("age: 0", "cache-status: singleflight; fwd=uri-miss"));
}

TEST(MarksTest, AReplyThatOutlivedItsTimeSaysByHowMuch) {
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kHit, std::chrono::seconds(7), std::chrono::seconds(-2))),
              ElementsAre("age: 7", "cache-status: singleflight; hit; ttl=-2"));
}

TEST(MarksTest, WhatIsOverIsNeverSaidToBeFresh) {
  using std::chrono::milliseconds;
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kStale, milliseconds(5001), milliseconds(-1))),
              ElementsAre("age: 5", "cache-status: singleflight; hit; ttl=-1"));
  EXPECT_THAT(ShownOf(AnswerFrom(Source::kStale, milliseconds(7000), milliseconds(-2000))),
              ElementsAre("age: 7", "cache-status: singleflight; hit; ttl=-2"));
}

// RFC 9211 §2.2
TEST(MarksTest, WhatARequestDidNotTakeOfTheCacheWasForwardedForIt) {
  const auto shown = [](Source source) {
    return Shown(Marks(MarkOptions{"p", false, true}, AnswerFrom(source, {}), kNow, true));
  };
  EXPECT_THAT(shown(Source::kStored), ElementsAre("cache-status: p; fwd=request; stored"));
  EXPECT_THAT(shown(Source::kForwarded), ElementsAre("cache-status: p; fwd=request"));
  EXPECT_THAT(shown(Source::kCollapsed), ElementsAre("cache-status: p; fwd=request; collapsed"));
  EXPECT_THAT(shown(Source::kHit), ElementsAre("cache-status: p; hit; ttl=0"));
}

TEST(MarksTest, EveryReasonToGoAloneIsNamed) {
  const std::vector<std::pair<core::Bypass, std::string>> cases = {
      {core::Bypass::kSecondMessage, "second_message"},
      {core::Bypass::kOpenEnded, "open_ended"},
      {core::Bypass::kRequestTooLarge, "request_too_large"},
      {core::Bypass::kNoMessage, "no_message"},
      {core::Bypass::kStreamingMethod, "streaming_method"},
      {core::Bypass::kNoStore, "no_store"},
      {core::Bypass::kDiffered, "differed"},
      {core::Bypass::kLargeReply, "large_reply"},
      {core::Bypass::kSlowRequest, "slow_request"},
      {core::Bypass::kKeptEncoding, "kept_encoding"},
  };
  ASSERT_EQ(cases.size(), metrics::kReasons<core::Bypass>);
  for (const auto& [why, name] : cases) {
    EXPECT_THAT(Shown(Marks({}, why, absl::Seconds(30))),
                ElementsAre("age: 30", "cache-status: singleflight; fwd=bypass; detail=" + name));
  }
}

TEST(MarksTest, EveryReasonNotToShareAReplyIsNamedToTheLeaderAndToTheOthers) {
  const std::vector<std::pair<core::Release, std::string>> cases = {
      {core::Release::kReplyStreams, "reply_streams"},
      {core::Release::kReplyTooLarge, "reply_too_large"},
      {core::Release::kReplyPrivate, "reply_private"},
      {core::Release::kReplyEncoding, "reply_encoding"},
      {core::Release::kLeaderRefused, "leader_refused"},
  };
  ASSERT_EQ(cases.size(), metrics::kReasons<core::Release>);
  for (const auto& [why, name] : cases) {
    EXPECT_THAT(Shown(Marks({}, why, Role::kLeader, absl::ZeroDuration())),
                ElementsAre("age: 0", "cache-status: singleflight; fwd=uri-miss; detail=" + name));
    EXPECT_THAT(Shown(Marks({}, why, Role::kFollower, absl::Seconds(5))),
                ElementsAre("age: 5", "cache-status: singleflight; fwd=bypass; detail=" + name));
  }
}

TEST(MarksTest, EachOfTheTwoCanBeOff) {
  const core::Answer hit = AnswerFrom(Source::kHit, std::chrono::seconds(3));
  EXPECT_THAT(ShownOf(hit, {"edge", false, true}), ElementsAre("cache-status: edge; hit; ttl=0"));
  EXPECT_THAT(ShownOf(hit, {"edge", true, false}), ElementsAre("age: 3"));
  EXPECT_THAT(ShownOf(hit, {"edge", false, false}), IsEmpty());
  EXPECT_THAT(Shown(Marks({"edge", false, false}, core::Bypass::kOpenEnded, {})), IsEmpty());
  EXPECT_THAT(Shown(Marks({"edge", true, false}, core::Release::kReplyStreams, Role::kLeader, {})),
              ElementsAre("age: 0"));
}

TEST(MarksTest, TheLongestNameAndTheLongestTimesFit) {
  const MarkOptions options = {std::string(kLongestMarkName, 'x'), true, true};
  core::Answer oldest = AnswerFrom(Source::kHit, std::chrono::seconds(int64_t{1} << 31));
  oldest.lifespan.expires = base::Instant::max();
  EXPECT_THAT(ShownOf(oldest, options),
              ElementsAre("age: 2147483648",
                          absl::StrCat("cache-status: ", options.name, "; hit; ttl=9223368436")));
  const Marks marks(options, core::Release::kReplyTooLarge, Role::kLeader,
                    absl::InfiniteDuration());
  EXPECT_EQ(marks.fields()[0].value, "9223372036854775807");
}

}  // namespace
}  // namespace singleflight::proxy
