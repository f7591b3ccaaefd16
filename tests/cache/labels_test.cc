#include "server/cache/labels.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Origin kOrigin = {"catalog", "catalog:50051", kGet};

absl::optional<Labels> LabelsWith(const std::string& groups) {
  return LabelsOf(ReplyWith({{"cache-groups", groups}}), kOrigin);
}

std::string Groups(int count) {
  std::vector<std::string> groups;
  for (int i = 0; i < count; ++i) groups.push_back(absl::StrCat("\"item:", i, "\""));
  return absl::StrJoin(groups, ", ");
}

TEST(LabelsTest, AReplyWithoutGroupsIsKnownByItsMethodAlone) {
  const auto labels = LabelsOf(OkReply("blue kettle"), kOrigin);
  ASSERT_TRUE(labels.has_value());
  EXPECT_EQ(labels->method, MethodScope(kGet));
  EXPECT_THAT(labels->groups, IsEmpty());
}

TEST(LabelsTest, EachGroupIsOneOfTheUpstreamAndTheAuthority) {
  const auto labels = LabelsOf(
      ReplyWith({{"cache-groups", "\"kettles\""}}, {{"cache-groups", "\"item:7\""}}), kOrigin);
  ASSERT_TRUE(labels.has_value());
  EXPECT_THAT(labels->groups, ElementsAre(GroupScope("catalog", "catalog:50051", "kettles"),
                                          GroupScope("catalog", "catalog:50051", "item:7"),
                                          AnyGroupScope(kOrigin)));
}

TEST(LabelsTest, TagsOfTheRequestAreGroupsLikeThose) {
  const std::vector<std::string> tags = {"item:7", "list"};
  const auto labels = LabelsOf(ReplyWith({{"cache-groups", "\"kettles\""}}), kOrigin, tags);
  ASSERT_TRUE(labels.has_value());
  EXPECT_THAT(labels->groups,
              ElementsAre(GroupScope("catalog", "catalog:50051", "kettles"),
                          GroupScope("catalog", "catalog:50051", "item:7"),
                          GroupScope("catalog", "catalog:50051", "list"), AnyGroupScope(kOrigin)));
  EXPECT_THAT(LabelsOf(OkReply("blue kettle"), kOrigin, tags)->groups,
              ElementsAre(GroupScope("catalog", "catalog:50051", "item:7"),
                          GroupScope("catalog", "catalog:50051", "list"), AnyGroupScope(kOrigin)));
}

TEST(LabelsTest, AReplyWhoseGroupsAreMalformedHasNoLabels) {
  EXPECT_EQ(LabelsWith("kettles").has_value(), false);
  EXPECT_EQ(LabelsWith("\"kettles\",").has_value(), false);
}

// PITFALLS 30
TEST(LabelsTest, MoreGroupsThan128AreNotRemembered) {
  ASSERT_TRUE(LabelsWith(Groups(128)).has_value());
  EXPECT_EQ(LabelsWith(Groups(128))->groups.size(), 128 + 1);
  EXPECT_FALSE(LabelsWith(Groups(129)).has_value());
  const std::vector<std::string> tag = {"list"};
  EXPECT_TRUE(LabelsOf(ReplyWith({{"cache-groups", Groups(127)}}), kOrigin, tag).has_value());
  EXPECT_FALSE(LabelsOf(ReplyWith({{"cache-groups", Groups(128)}}), kOrigin, tag).has_value());
}

TEST(LabelsTest, WhatAReplyInvalidatesIsNoLabelOfIt) {
  const auto labels = LabelsOf(ReplyWith({{"cache-group-invalidation", "\"kettles\""}}), kOrigin);
  ASSERT_TRUE(labels.has_value());
  EXPECT_THAT(labels->groups, IsEmpty());
}

}  // namespace
}  // namespace singleflight::cache
