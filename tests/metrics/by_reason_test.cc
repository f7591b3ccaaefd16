#include "server/metrics/by_reason.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/metrics/registry.h"

namespace singleflight::metrics {
namespace {

using ::testing::HasSubstr;

enum class Reason : uint8_t { kTooLate, kTooLarge };

constexpr absl::string_view NameOf(Reason why) {
  switch (why) {
    case Reason::kTooLate:
      return "too_late";
    case Reason::kTooLarge:
      return "too_large";
  }
  return "";
}

static_assert(kReasons<Reason> == 2);

TEST(ByReasonTest, EachReasonHasACountOfItsOwn) {
  CountersBy<Reason> counters;
  counters.Add(Reason::kTooLate);
  counters.Add(Reason::kTooLarge, 3);
  EXPECT_EQ(counters.of(Reason::kTooLate), 1);
  EXPECT_EQ(counters.of(Reason::kTooLarge), 3);
  EXPECT_EQ(counters.sum(), 4);
}

TEST(ByReasonTest, EveryReasonIsShownByItsNameBehindTheOtherLabels) {
  CountersBy<Reason> counters;
  counters.Add(Reason::kTooLarge, 3);
  Registry registry;
  registry.Add([&](Visitor& visitor) {
    counters.Show("refused_total", "Help.", {{"route", "r1"}}, visitor);
  });
  const std::string text = registry.Render();
  EXPECT_THAT(text, HasSubstr("refused_total{route=\"r1\",reason=\"too_late\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("refused_total{route=\"r1\",reason=\"too_large\"} 3\n"));
}

}  // namespace
}  // namespace singleflight::metrics
