// In what a key differs from the recent keys of the same question.

#include "server/survey/recent_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/survey/keys.h"

namespace singleflight::survey {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

auto Is(SplitKind kind, const std::string& name) {
  return AllOf(Field(&NamedDifference::kind, kind), Field(&NamedDifference::name, name));
}
auto IsHeader(const std::string& name) { return Is(SplitKind::kMetadata, name); }

class RecentKeysTest : public ::testing::Test {
 protected:
  Differences Note(const Caller& caller, const model::KeyRules& rules = {}) {
    const model::Key key = keys_.Of(caller, rules);
    const RecentKeys::Noted noted = recent_->Note(Components(key), now_, absl::Minutes(1));
    led_before_ = noted.led_before;
    return noted.differences;
  }
  Differences NoteMetadata(const model::Fields& metadata) { return Note({metadata}); }

  Keys keys_;
  const std::unique_ptr<RecentKeys> recent_ = std::make_unique<RecentKeys>();
  base::Instant now_ = base::Instant() + std::chrono::hours(1);
  bool led_before_ = false;  // of the last Note
};

TEST_F(RecentKeysTest, TheFirstCallMeetsNobody) { EXPECT_THAT(Note({}), IsEmpty()); }

TEST_F(RecentKeysTest, EqualKeysAreNoSplit) {
  NoteMetadata({{"x-device-id", "1"}});
  EXPECT_THAT(NoteMetadata({{"x-device-id", "1"}}), IsEmpty());
}

TEST_F(RecentKeysTest, AnotherQuestionIsNoSplit) {
  NoteMetadata({{"x-device-id", "1"}});
  EXPECT_THAT(Note({{{"x-device-id", "2"}}, "id-8"}), IsEmpty());
  EXPECT_THAT(NoteMetadata({{"x-device-id", "2"}, {":path", "/shop.Catalog/List"}}), IsEmpty());
}

TEST_F(RecentKeysTest, OneHeaderThatDiffersIsNamed) {
  NoteMetadata({{"x-device-id", "1"}, {"x-page", "2"}});
  EXPECT_THAT(NoteMetadata({{"x-device-id", "2"}, {"x-page", "2"}}),
              ElementsAre(IsHeader("x-device-id")));
}

TEST_F(RecentKeysTest, AHeaderThatOnlyOneOfThemHasIsNamed) {
  NoteMetadata({{"x-device-id", "1"}});
  EXPECT_THAT(NoteMetadata({}), ElementsAre(IsHeader("x-device-id")));
  EXPECT_THAT(NoteMetadata({{"x-other", "1"}}), ElementsAre(IsHeader("x-other")));
}

TEST_F(RecentKeysTest, OrderAndNumberOfOneNamesValuesAreItsValue) {
  NoteMetadata({{"x-tag", "a"}, {"x-tag", "b"}});
  EXPECT_THAT(NoteMetadata({{"x-tag", "b"}, {"x-tag", "a"}}), ElementsAre(IsHeader("x-tag")));
  EXPECT_THAT(NoteMetadata({{"x-tag", "a"}}), ElementsAre(IsHeader("x-tag")));
  EXPECT_THAT(NoteMetadata({{"x-tag", ""}, {"x-tag", "a"}}), ElementsAre(IsHeader("x-tag")));
}

TEST_F(RecentKeysTest, CredentialsAreToldAsSuch) {
  NoteMetadata({{"authorization", "Bearer ann"}});
  EXPECT_THAT(NoteMetadata({{"authorization", "Bearer bob"}}),
              ElementsAre(Is(SplitKind::kCredential, "authorization")));
  EXPECT_THAT(NoteMetadata({{"authorization", "Bearer bob"}, {"x-csrf-token", "1"}}),
              ElementsAre(Is(SplitKind::kCredential, "x-csrf-token")));
}

TEST_F(RecentKeysTest, TheAuthorityAndTheListenersTrustAreToldAsSuch) {
  Note({});
  EXPECT_THAT(Note({{}, "id-7", "other:1"}), ElementsAre(Is(SplitKind::kAuthority, ":authority")));
  EXPECT_THAT(Note({{}, "id-7", "catalog:50051", 2}), ElementsAre(Is(SplitKind::kPolicy, "trust")));
  EXPECT_THAT(NoteMetadata({{"content-type", "application/grpc+json"}}),
              ElementsAre(Is(SplitKind::kPolicy, "content-type")));
}

// Keys are taken after decompression; these could not be decompressed.
TEST_F(RecentKeysTest, WhatCallersSayOfCompressionIsToldAsSuch) {
  const std::string compressed("\1\0\0\0\1x", 6);
  Note({{{"grpc-encoding", "zstd"}, {"grpc-accept-encoding", "zstd"}}, compressed});
  EXPECT_THAT(Note({{{"grpc-encoding", "zstd"}, {"grpc-accept-encoding", "br"}}, compressed}),
              ElementsAre(Is(SplitKind::kEncoding, "grpc-accept-encoding")));
}

TEST_F(RecentKeysTest, SeveralDifferencesAreAllNamed) {
  NoteMetadata({{"x-a", "1"}, {"x-b", "1"}, {"x-c", "1"}});
  EXPECT_THAT(
      NoteMetadata({{"x-a", "2"}, {"x-b", "2"}, {"x-d", "1"}}),
      UnorderedElementsAre(IsHeader("x-a"), IsHeader("x-b"), IsHeader("x-c"), IsHeader("x-d")));
}

TEST_F(RecentKeysTest, TheNearestOfSeveralIsCompared) {
  NoteMetadata({{"x-a", "1"}, {"x-b", "1"}});
  NoteMetadata({{"x-a", "2"}, {"x-b", "2"}});
  EXPECT_THAT(NoteMetadata({{"x-a", "1"}, {"x-b", "3"}}), ElementsAre(IsHeader("x-b")));
}

TEST_F(RecentKeysTest, AKeyThatLeadsAgainIsToldOfOnlyIfAnotherLedSince) {
  NoteMetadata({{"x-device-id", "1"}});
  NoteMetadata({{"x-device-id", "2"}});
  EXPECT_THAT(NoteMetadata({{"x-device-id", "2"}}), IsEmpty());
  EXPECT_THAT(NoteMetadata({{"x-device-id", "1"}}), ElementsAre(IsHeader("x-device-id")));
  EXPECT_THAT(NoteMetadata({{"x-device-id", "1"}}), IsEmpty());
}

TEST_F(RecentKeysTest, AKeyThatLedBeforeIsKnown) {
  NoteMetadata({{"x-device-id", "1"}});
  EXPECT_FALSE(led_before_);
  NoteMetadata({{"x-device-id", "2"}});
  EXPECT_FALSE(led_before_);
  NoteMetadata({{"x-device-id", "1"}});
  EXPECT_TRUE(led_before_);
}

TEST_F(RecentKeysTest, KeysOfLongAgoAreNotCompared) {
  NoteMetadata({{"x-device-id", "1"}});
  now_ += std::chrono::seconds(61);
  EXPECT_THAT(NoteMetadata({{"x-device-id", "2"}}), IsEmpty());
  now_ += std::chrono::seconds(60);
  EXPECT_THAT(NoteMetadata({{"x-device-id", "3"}}), SizeIs(1));
}

TEST_F(RecentKeysTest, AfterAReloadTheRulesAreWhatDiffers) {
  const model::KeyRules ignoring{model::KeyRules::Mode::kAllButNoise, {"x-device-id"}};
  NoteMetadata({{"x-device-id", "1"}});
  EXPECT_THAT(Note({{{"x-device-id", "1"}, {"x-page", "2"}}}, ignoring),
              ElementsAre(Is(SplitKind::kPolicy, "rules")));
  EXPECT_THAT(Note({{{"x-device-id", "1"}, {"x-page", "3"}}}, ignoring),
              ElementsAre(IsHeader("x-page")));
}

TEST_F(RecentKeysTest, MetadataBeyondTheRoomIsOneComponentWithoutAName) {
  model::Fields many;
  for (int i = 10; i < 30; ++i) many.emplace_back(absl::StrCat("x-", i), "1");
  NoteMetadata(many);
  many.back().second = "2";
  EXPECT_THAT(NoteMetadata(many), ElementsAre(IsHeader("other")));
  many.front().second = "2";
  EXPECT_THAT(NoteMetadata(many), ElementsAre(IsHeader("x-10")));
}

TEST_F(RecentKeysTest, LongNamesAreCut) {
  const std::string name(1000, 'n');
  NoteMetadata({{name, "1"}});
  const Differences differences = NoteMetadata({});
  ASSERT_THAT(differences, SizeIs(1));
  EXPECT_EQ(differences[0].name, name.substr(0, kLongestName - 3) + "…");
}

// The names that clients make up drive each other out, and a name that comes again is back.
TEST_F(RecentKeysTest, AFloodOfNamesLeavesThoseThatTheCallItselfHas) {
  NoteMetadata({{"x-device-id", "1"}});
  for (int i = 0; i < 1000; ++i) Note({{{absl::StrCat("x-made-up-", i), "1"}}, "id-8"});
  EXPECT_THAT(NoteMetadata({}), ElementsAre(IsHeader("other")));
  EXPECT_THAT(NoteMetadata({{"x-device-id", "2"}}), ElementsAre(IsHeader("x-device-id")));
}

TEST_F(RecentKeysTest, AFloodOfQuestionsDrivesOutOldKeys) {
  NoteMetadata({{"x-device-id", "1"}});
  for (int i = 0; i < 5000; ++i) Note({{}, absl::StrCat("flood-", i)});
  EXPECT_THAT(NoteMetadata({{"x-device-id", "2"}}), IsEmpty());
  EXPECT_THAT(NoteMetadata({{"x-device-id", "3"}}), ElementsAre(IsHeader("x-device-id")));
}

}  // namespace
}  // namespace singleflight::survey
