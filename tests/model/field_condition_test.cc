// Whether a field has a value, as a table: what is wanted, and what stands in the message.

#include "server/model/field_condition.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/wire/fields.h"

namespace singleflight::model {
namespace {

struct Row {
  const char* path;
  FieldScalar wanted;
  std::string message;
  bool matches;
};

WholeNumber Whole(int64_t number) { return {static_cast<uint64_t>(number)}; }

void Expect(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const FieldCondition condition{*ParseFieldPath(row.path), row.wanted};
    EXPECT_EQ(condition.Matches(row.message), row.matches)
        << ToText(condition) << " in row " << &row - rows.data();
  }
}

TEST(FieldConditionTest, ABoolIsAVarint) {
  Expect({{"7", true, wire::Number(7, 1), true},
          {"7", true, wire::Number(7, 2), true},
          {"7", true, wire::Number(7, uint64_t{1} << 40), true},
          {"7", true, wire::Number(7, 0), false},
          {"7", false, wire::Number(7, 0), true},
          {"7", false, wire::Number(7, 1), false},
          {"7", true, wire::Number(6, 1), false}});
}

TEST(FieldConditionTest, AnAbsentFieldHasTheDefaultOfItsType) {
  for (const std::string& message : {std::string(), wire::Number(6, 1)}) {
    Expect({{"7", false, message, true},
            {"7", true, message, false},
            {"7", Whole(0), message, true},
            {"7", Whole(1), message, false},
            {"7", std::string(), message, true},
            {"7", std::string("blue"), message, false},
            {"7.1", false, message, true},
            {"7.1", true, message, false}});
  }
}

TEST(FieldConditionTest, ANumberIsAVarintOrOfAFixedSize) {
  Expect({{"1", Whole(300), wire::Number(1, 300), true},
          {"1", Whole(300), wire::Number(1, 301), false},
          {"1", Whole(300), wire::Fixed(1, 4, 300), true},
          {"1", Whole(300), wire::Fixed(1, 8, 300), true},
          {"1", Whole(300), wire::Fixed(1, 8, 300 + (uint64_t{1} << 32)), false},
          {"1", Whole(300 + (int64_t{1} << 32)), wire::Fixed(1, 4, 300), false},
          {"1", Whole(0), wire::Fixed(1, 4, 0), true},
          {"1", Whole(0), wire::Fixed(1, 8, 1), false}});
}

TEST(FieldConditionTest, ANegativeNumberIsAsProtobufWritesIt) {
  constexpr uint64_t kMinusTwo = std::numeric_limits<uint64_t>::max() - 1;
  Expect({{"1", Whole(-2), wire::Number(1, kMinusTwo), true},
          {"1", Whole(-2), wire::Number(1, 3), false},  // sint32 -2
          {"1", Whole(-2), wire::Fixed(1, 8, kMinusTwo), true},
          {"1", Whole(-2), wire::Fixed(1, 4, 0xfffffffe), true},
          {"1", Whole(-2), wire::Fixed(1, 8, 0xfffffffe), false}});
}

TEST(FieldConditionTest, ATextIsEqualByteForByte) {
  Expect({{"1", std::string("blue"), wire::Text(1, "blue"), true},
          {"1", std::string("blue"), wire::Text(1, "blues"), false},
          {"1", std::string("blue"), wire::Text(1, "Blue"), false},
          {"1", std::string("\0x", 2), wire::Text(1, std::string("\0x", 2)), true},
          {"1", std::string(), wire::Text(1, ""), true},
          {"1", std::string(), wire::Text(1, "x"), false},
          {"1", std::string("7"), wire::Text(1, "7"), true}});
}

TEST(FieldConditionTest, AFieldOfAnotherTypeMatchesNothing) {
  Expect({{"1", std::string("7"), wire::Number(1, 7), false},
          {"1", std::string(), wire::Number(1, 0), false},
          {"1", Whole(7), wire::Text(1, "7"), false},
          {"1", Whole(0), wire::Text(1, ""), false},
          {"1", true, wire::Text(1, "true"), false},
          {"1", true, wire::Fixed(1, 4, 1), false},
          {"1", false, wire::Fixed(1, 4, 0), false},
          {"1", true, wire::Group(1, wire::Number(1, 1)), false},
          {"1", false, wire::Group(1, ""), false}});
}

TEST(FieldConditionTest, TheLastOneCountsWhereverItStands) {
  const std::string yes = wire::Number(1, 1), no = wire::Number(1, 0);
  Expect({{"1", true, no + yes, true},
          {"1", true, yes + no, false},
          {"1", false, yes + no, true},
          {"2.1", true, wire::Text(2, yes) + wire::Text(2, no), false},
          {"2.1", true, wire::Text(2, no) + wire::Text(2, yes), true},
          {"2.1", true, wire::Text(2, yes) + wire::Text(2, ""), true},  // the two are merged
          {"2.1", true, wire::Group(2, yes), true},
          {"2.3.1", true, wire::Text(2, wire::Group(3, yes)), true},
          {"1", true, wire::Text(1, "x") + yes, true},
          {"1", true, yes + wire::Text(1, "x"), false}});
}

TEST(FieldConditionTest, AMessageThatCannotBeReadMatchesNothing) {
  const std::string yes = wire::Number(7, 1);
  for (const std::string& broken :
       {std::string("\x07", 1), std::string("\x3a\x05x", 3), std::string("\x3c", 1),
        std::string("\xff", 1), std::string("not Protobuf")}) {
    Expect({{"7", true, yes + broken, false},
            {"7", false, broken, false},
            {"9", false, broken, false},
            {"2.7", true, wire::Text(2, yes + broken), false},
            {"2.9", false, wire::Text(2, broken), false}});
  }
  Expect({{"2.7", true, wire::Number(2, 1), false},
          {"2.7", false, wire::Number(2, 0), false},
          {"7", true, wire::Text(2, "not Protobuf") + yes, true}});
}

TEST(FieldConditionTest, ANameWithoutANumberMatchesNothing) {
  for (const FieldScalar& wanted : {FieldScalar(false), FieldScalar(true)}) {
    const FieldCondition condition{{}, wanted, "serializable"};
    EXPECT_FALSE(condition.Matches(""));
    EXPECT_FALSE(condition.Matches(wire::Number(7, 1)));
  }
  EXPECT_TRUE((FieldCondition{{7}, true, "serializable"}).Matches(wire::Number(7, 1)));
}

TEST(FieldConditionTest, ItIsShownAsItIsWritten) {
  EXPECT_EQ(ToText(FieldCondition{{7}, true, "serializable"}), "serializable=true");
  const auto shown = [](const char* path, FieldScalar wanted) {
    return ToText(FieldCondition{*ParseFieldPath(path), std::move(wanted)});
  };
  EXPECT_EQ(shown("7", true), "7=true");
  EXPECT_EQ(shown("3.2", false), "3.2=false");
  EXPECT_EQ(shown("1", Whole(-5)), "1=-5");
  EXPECT_EQ(shown("1", Whole(5)), "1=5");
  EXPECT_EQ(shown("1", std::string("a\"\n\xff")), "1=\"a\\\"\\n\\xff\"");
}

}  // namespace
}  // namespace singleflight::model
