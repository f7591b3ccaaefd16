// Binary metadata: what is base64, and several values of one field.

#include "server/model/binary_fields.h"

#include "tests/model/blocks.h"

namespace singleflight::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(BinaryFieldsTest, TheirNamesEndInBin) {
  for (const char* name : {"x-bin", "grpc-status-details-bin", "-bin"}) {
    EXPECT_TRUE(IsBinary(name)) << name;
  }
  for (const char* name : {"", "b", "bin", "x-bins", "x-binary", ":path", "xbin"}) {
    EXPECT_FALSE(IsBinary(name)) << name;
  }
}

// PITFALLS 28
TEST(BinaryFieldsTest, Base64ComesWithPaddingOrWithout) {
  for (const char* value :
       {"", "YQ", "YQ==", "YQ=", "YWI", "YWI=", "YWJj", "+/+/", "AAECAw", "="}) {
    EXPECT_TRUE(IsBase64(value)) << value;
  }
}

TEST(BinaryFieldsTest, WhatCCoreEndsAConnectionForIsNoBase64) {
  for (const char* value : {"!!", "!!!!", "Y", "YWJjY", "-_-_", "YQ,Yg", "Y=Q", "YQ==Yg==", " YQ",
                            "YQ ", "YR", "YR==", "YWJ", "\xff\xff"}) {
    EXPECT_FALSE(IsBase64(value)) << value;
  }
}

// PITFALLS 28
TEST(BinaryFieldsTest, ValuesThatAreJoinedGetFieldsOfTheirOwnInOrder) {
  Headers fields;
  fields.Add("x-a", "not,binary");
  fields.Add("x-bin", "YQ==,Yg, Yw==,", true);
  fields.Add("y-bin", "AAAA");
  fields.Add("x-bin", "ZA");
  EXPECT_EQ(SeparateBinary(fields), absl::nullopt);
  EXPECT_THAT(FieldsOf(fields),
              ElementsAre(Pair("x-a", "not,binary"), Pair("x-bin", "YQ=="), Pair("x-bin", "Yg"),
                          Pair("x-bin", "Yw=="), Pair("x-bin", ""), Pair("y-bin", "AAAA"),
                          Pair("x-bin", "ZA")));
  EXPECT_TRUE((*++fields.begin()).never_index);
}

TEST(BinaryFieldsTest, WhatIsWrongIsSaidAndNothingIsChanged) {
  for (const char* value : {"!!", "YQ,!!", "YQ;Yg"}) {
    Headers fields = HeadersOf({{"x-a", "1"}, {"x-b-bin", "YQ,Yg"}, {"x-c-bin", value}});
    const Fields before = FieldsOf(fields);
    EXPECT_THAT(SeparateBinary(fields).value_or(""), HasSubstr("x-c-bin is binary")) << value;
    EXPECT_EQ(FieldsOf(fields), before);
  }
}

TEST(BinaryFieldsTest, ABlockGrowsByNoMoreThanItsBound) {
  Headers few = HeadersOf({{"x-bin", std::string(400, ',')}});
  EXPECT_EQ(SeparateBinary(few), absl::nullopt);
  EXPECT_EQ(few.fields(), 401u);
  Headers many = HeadersOf({{"x-bin", std::string(500, ',')}});
  EXPECT_THAT(SeparateBinary(many).value_or(""), HasSubstr("x-bin joins too many values"));
  Headers long_name = HeadersOf({{std::string(10'000, 'n') + "-bin", "YQ,YQ,YQ"}});
  EXPECT_THAT(SeparateBinary(long_name).value_or(""), HasSubstr("too many"));
  EXPECT_EQ(long_name.fields(), 1u);
}

TEST(BinaryFieldsTest, ABlockWithoutAnyStaysAsItIs) {
  Headers none;
  EXPECT_EQ(SeparateBinary(none), absl::nullopt);
  EXPECT_THAT(FieldsOf(none), IsEmpty());
}

}  // namespace
}  // namespace singleflight::model
