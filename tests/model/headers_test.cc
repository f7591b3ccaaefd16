#include "server/model/headers.h"

#include "tests/model/blocks.h"

namespace singleflight::model {
namespace {

TEST(HeadersTest, FieldsKeepTheOrderOfTheWireAndTheirDuplicates) {
  const Fields fields = {{"b", "1"}, {"a", "2"}, {"b", "1"}, {"b", ""}, {"a", "3"}};
  EXPECT_EQ(FieldsOf(HeadersOf(fields)), fields);
}

TEST(HeadersTest, AnyBytesSurvive) {
  const Fields fields = {{"x-bin", std::string("\0\xff\n ", 4)}, {"", ""}, {"y", "\0"}};
  EXPECT_EQ(FieldsOf(HeadersOf(fields)), fields);
}

TEST(HeadersTest, ABlockGrowsFieldByField) {
  Headers headers;
  Fields fields;
  for (int i = 0; i < 200; ++i) {
    fields.emplace_back("name-" + std::to_string(i), std::string(static_cast<size_t>(i * 7), 'v'));
    headers.Add(fields.back().first, fields.back().second);
  }
  EXPECT_EQ(FieldsOf(headers), fields);
}

TEST(HeadersTest, ACopyIsABlockOfItsOwn) {
  Headers headers = HeadersOf({{"a", "1"}});
  Headers copy = headers;
  copy.Add("b", "2");
  headers.Clear();
  headers.Add("c", "3");
  EXPECT_EQ(FieldsOf(copy), (Fields{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(FieldsOf(headers), (Fields{{"c", "3"}}));
  EXPECT_EQ(FieldsOf(Headers(Headers())), Fields());
}

TEST(HeadersTest, ABlockThatWasMovedFromIsEmptyAndMayBeFilledAgain) {
  Headers headers = HeadersOf({{"a", "1"}});
  const Headers moved = std::move(headers);
  EXPECT_TRUE(headers.empty());
  EXPECT_EQ(headers.fields(), 0);
  headers.Add("b", "2");
  EXPECT_EQ(FieldsOf(moved), (Fields{{"a", "1"}}));
  EXPECT_EQ(FieldsOf(headers), (Fields{{"b", "2"}}));
}

TEST(HeadersTest, FindGivesTheFirstOfAName) {
  const Headers headers = HeadersOf({{"ab", "1"}, {"a", "2"}, {"a", "3"}});
  EXPECT_EQ(headers.Find("a"), "2");
  EXPECT_EQ(headers.Find("b"), absl::nullopt);
  EXPECT_EQ(headers.Find(""), absl::nullopt);
}

TEST(HeadersTest, CountCountsDuplicates) {
  const Headers headers = HeadersOf({{"a", "1"}, {"b", "1"}, {"a", "1"}});
  EXPECT_EQ(headers.Count("a"), 2);
  EXPECT_EQ(headers.Count("c"), 0);
}

TEST(HeadersTest, AFieldRemembersThatItIsNeverIndexed) {
  Headers headers;
  headers.Add("authorization", "ann", true);
  headers.Add("x-page", "2");
  EXPECT_TRUE((*headers.begin()).never_index);
  EXPECT_FALSE((*++headers.begin()).never_index);
}

TEST(HeadersTest, TheListSizeCounts32BytesPerField) {
  EXPECT_EQ(Headers().ListSize(), 0);
  EXPECT_EQ(HeadersOf({{"ab", "cde"}, {"", ""}}).ListSize(), 5 + 2 * 32);
}

TEST(HeadersTest, TheFootprintCoversTheText) {
  EXPECT_GE(HeadersOf({{"a", std::string(1000, 'x')}}).Footprint(), 1000 + sizeof(Headers));
}

}  // namespace
}  // namespace singleflight::model
