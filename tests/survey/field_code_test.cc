// Paths of fields in 64 bits.

#include "server/survey/field_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::survey {
namespace {

using ::testing::Eq;
using ::testing::Optional;

// Nothing: there is no room.
absl::optional<FieldCode> CodeOf(const model::FieldPath& path) {
  FieldCode code;
  for (const uint32_t number : path) {
    const absl::optional<FieldCode> inner = code.Inner(number);
    if (!inner.has_value()) return absl::nullopt;
    code = *inner;
  }
  return code;
}

absl::optional<model::FieldPath> ThereAndBack(const model::FieldPath& path) {
  const absl::optional<FieldCode> code = CodeOf(path);
  if (!code.has_value()) return absl::nullopt;
  return code->Path();
}

TEST(FieldCodeTest, PathsComeBack) {
  for (const model::FieldPath& path : std::vector<model::FieldPath>{{},
                                                                    {1},
                                                                    {31},
                                                                    {32},
                                                                    {536870911},
                                                                    {1, 1, 1, 1, 3},
                                                                    {31, 32, 1023, 1024},
                                                                    {1, 536870911, 2, 3, 4},
                                                                    {9, 8, 7, 6, 5, 4, 3, 2, 1, 9},
                                                                    {32, 32, 32, 32, 32}}) {
    EXPECT_THAT(ThereAndBack(path), Optional(Eq(path)));
  }
}

TEST(FieldCodeTest, DifferentPathsHaveDifferentCodes) {
  EXPECT_FALSE(*CodeOf({1, 2}) == *CodeOf({2, 1}));
  EXPECT_FALSE(*CodeOf({1, 2}) == *CodeOf({34}));  // 1 and 2 are its groups
  EXPECT_FALSE(*CodeOf({1}) == *CodeOf({1, 1}));
  EXPECT_TRUE(*CodeOf({1, 2}) == *CodeOf({1, 2}));
}

TEST(FieldCodeTest, WhatIsTooLongHasNone) {
  EXPECT_FALSE(CodeOf({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}).has_value());
  EXPECT_FALSE(CodeOf({32, 32, 32, 32, 32, 1}).has_value());
  EXPECT_FALSE(CodeOf({536870911, 536870911}).has_value());
}

}  // namespace
}  // namespace singleflight::survey
