// The labels of splits in metrics are a closed set.

#include "server/survey/split_counts.h"

#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_cat.h"

namespace singleflight::survey {
namespace {

// By kind and name.
class Counts final : public metrics::Visitor {
 public:
  void Count(absl::string_view, absl::string_view, metrics::Labels labels,
             uint64_t value) override {
    EXPECT_EQ(labels[0].second, "/*");
    EXPECT_TRUE(all.emplace(labels[1].second + " " + labels[2].second, value).second);
  }
  void Level(absl::string_view, absl::string_view, metrics::Labels, int64_t) override {}
  void Distribution(absl::string_view, absl::string_view, metrics::Labels,
                    const metrics::PowerHistogram&) override {}
  std::map<std::string, uint64_t> all;
};

std::map<std::string, uint64_t> Shown(const SplitCounts& counts) {
  Counts shown;
  counts.Show("/*", shown);
  return shown.all;
}

TEST(SplitCountsTest, NamesOfTheProgramAndOfTheConfigurationAreLabelsAndNoOther) {
  const model::KeyRules rules{
      model::KeyRules::Mode::kAllButNoise, {"x-ours"}, false, {"x-counted"}};
  EXPECT_EQ(LabelOf(SplitKind::kMetadata, "x-device-id", rules), "other");
  EXPECT_EQ(LabelOf(SplitKind::kMetadata, "x-ours", rules), "x-ours");
  EXPECT_EQ(LabelOf(SplitKind::kMetadata, "x-counted", rules), "x-counted");
  EXPECT_EQ(LabelOf(SplitKind::kMetadata, "tracestate", rules), "tracestate");
  EXPECT_EQ(LabelOf(SplitKind::kCredential, "authorization", rules), "authorization");
  EXPECT_EQ(LabelOf(SplitKind::kCredential, "x-auth-made-up", rules), "other");
  EXPECT_EQ(LabelOf(SplitKind::kAuthority, ":authority", rules), ":authority");
  EXPECT_EQ(LabelOf(SplitKind::kSeveral, "x-a, x-b", rules), "");
  EXPECT_EQ(LabelOf(SplitKind::kField, "1, 3.2", rules), "");
}

TEST(SplitCountsTest, EveryKindIsShownFromTheBeginning) {
  const auto shown = Shown(SplitCounts());
  for (size_t i = 0; i < kSplitKinds; ++i) {
    const std::string kind(NameOf(static_cast<SplitKind>(i)));
    EXPECT_TRUE(shown.lower_bound(kind) != shown.end() &&
                shown.lower_bound(kind)->first.substr(0, kind.size()) == kind)
        << kind;
  }
}

TEST(SplitCountsTest, CountsAddUp) {
  SplitCounts counts;
  counts.Add(SplitKind::kCredential, "cookie");
  counts.Add(SplitKind::kCredential, "cookie");
  counts.Add(SplitKind::kCredential, "other");
  counts.Add(SplitKind::kSeveral, "");
  auto shown = Shown(counts);
  EXPECT_EQ(shown["credential cookie"], 2);
  EXPECT_EQ(shown["credential other"], 1);
  EXPECT_EQ(shown["several "], 1);
  EXPECT_EQ(shown["metadata other"], 0);
}

TEST(SplitCountsTest, LabelsOfManyReloadsHaveABound) {
  SplitCounts counts;
  const size_t always = Shown(counts).size();
  for (size_t i = 0; i < 1000; ++i) counts.Add(SplitKind::kMetadata, absl::StrCat("x-", i));
  auto shown = Shown(counts);
  EXPECT_EQ(shown.size(), always + SplitCounts::kMost);
  EXPECT_EQ(shown["metadata other"], 1000 - SplitCounts::kMost);
}

}  // namespace
}  // namespace singleflight::survey
