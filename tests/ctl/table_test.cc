// Tables: pure.

#include "server/ctl/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_split.h"

namespace singleflight::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Table Sample() {
  return {{{"METHOD", Column::Kind::kName},
           {"CALLS", Column::Kind::kNumber},
           {"WHAT"},
           {"MORE", Column::Kind::kNumber, true}},
          {{"/shop.v1.Catalog/GetItem", "1,203", "as it should be, and has long been", "7"},
           {"/shop.v1.Catalog/List", "9", "", "12"}}};
}

size_t Widest(const std::string& text) {
  size_t widest = 0;
  for (const auto line : absl::StrSplit(text, '\n')) widest = std::max(widest, WidthOf(line));
  return widest;
}

TEST(TableTest, ColumnsAreAsWideAsTheyNeedToBe) {
  EXPECT_EQ(Lay(Sample(), {}),
            "METHOD                    CALLS  WHAT                                MORE\n"
            "/shop.v1.Catalog/GetItem  1,203  as it should be, and has long been     7\n"
            "/shop.v1.Catalog/List         9                                        12\n");
}

TEST(TableTest, ANarrowTerminalLosesEndsOfTextsFirst) {
  EXPECT_LE(Widest(Lay(Sample(), {70, false})), 70u);
  EXPECT_THAT(Lay(Sample(), {70, false}), HasSubstr("as it should be, and has long…"));
}

TEST(TableTest, ThenItLosesSpareColumns) {
  const std::string text = Lay(Sample(), {60, false});
  EXPECT_THAT(text, Not(HasSubstr("MORE")));
  EXPECT_THAT(text, HasSubstr("/shop.v1.Catalog/GetItem"));
}

TEST(TableTest, NamesKeepTheirEnds) {
  EXPECT_THAT(Lay(Sample(), {40, false}), HasSubstr("…"));
  EXPECT_THAT(Lay(Sample(), {40, false}), HasSubstr("/GetItem"));
}

TEST(TableTest, ItFitsWhateverTheWidth) {
  for (size_t width = 6; width < 100; ++width) {
    EXPECT_LE(Widest(Lay(Sample(), {width, false})), width);
  }
}

TEST(TableTest, NumbersAreNeverCut) {
  for (size_t width = 30; width < 100; ++width) {
    const std::string text = Lay(Sample(), {width, false});
    const bool shown = text.find("CALLS") != std::string::npos;
    EXPECT_EQ(text.find("1,203") != std::string::npos, shown) << width;
  }
}

TEST(TableTest, CharactersCountNotBytes) {
  EXPECT_EQ(WidthOf("µs …"), 4u);
  const Table table{{{"WHAT"}, {"N", Column::Kind::kNumber}}, {{"für drei Böden", "1"}}};
  EXPECT_THAT(Lay(table, {10, false}), HasSubstr("für dr…"));
}

TEST(TableTest, ColoursTakeNoRoom) {
  const Table table{{{"STATE"}, {"N", Column::Kind::kNumber}}, {{Cell("ready", Tone::kGood), "1"}}};
  EXPECT_EQ(Lay(table, {0, true}),
            "\033[1mSTATE\033[0m  \033[1mN\033[0m\n\033[32mready\033[0m  1\n");
}

TEST(TableTest, WhatATerminalWouldObeyIsShownAsAQuestionMark) {
  EXPECT_EQ(Harmless("a\033[2Jb\n\x7f"
                     "c\xC2\x9B"
                     "d µ"),
            "a?[2Jb??c?d µ");
  EXPECT_THAT(Lay({{{"WHAT"}}, {{"\033]0;title\a"}}}, {}), Not(HasSubstr("\033")));
}

TEST(TableTest, FactsGoOnBelow) {
  EXPECT_EQ(LayFacts({{"up", "3 h"}, {"refused", "one two three four"}}, {20, false}),
            "up       3 h\n"
            "refused  one two\n"
            "         three four\n");
}

}  // namespace
}  // namespace singleflight::ctl
