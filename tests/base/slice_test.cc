#include "server/base/slice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace singleflight::base {
namespace {

TEST(SliceTest, AnEmptySliceHasNoBytes) {
  EXPECT_TRUE(Slice().empty());
  EXPECT_EQ(Slice().view(), "");
}

TEST(SliceTest, ACopyReadsTheSameBytes) {
  const Slice slice(std::string(100, 'x'));
  const Slice copy = slice;
  EXPECT_EQ(copy.view().data(), slice.view().data());
  EXPECT_EQ(copy.size(), 100);
}

TEST(SliceTest, ACopyOutlivesItsOriginal) {
  Slice copy;
  {
    const Slice original(std::string(100, 'x'));
    copy = original;
  }
  EXPECT_EQ(copy.view(), std::string(100, 'x'));
}

TEST(SliceTest, AShortStringSurvivesAMove) {
  Slice slice(std::string("tea"));
  const Slice moved = std::move(slice);
  EXPECT_EQ(moved.view(), "tea");
}

TEST(SliceTest, KeepsWhateverOwnsItsBytes) {
  auto owner = std::make_shared<std::string>("blue kettle");
  const std::weak_ptr<std::string> watch = owner;
  Slice slice(owner, absl::string_view(*owner).substr(5));
  owner.reset();
  EXPECT_EQ(slice.view(), "kettle");
  slice = Slice();
  EXPECT_TRUE(watch.expired());
}

TEST(SliceTest, NeighboursOfOneOwnerJoin) {
  const Slice whole(std::string("blue kettle, tea"));
  Slice first(whole.owner(), whole.view().substr(0, 4));
  EXPECT_TRUE(first.Join(Slice(whole.owner(), whole.view().substr(4, 7))));
  EXPECT_EQ(first.view(), "blue kettle");
  EXPECT_FALSE(first.Join(Slice(whole.owner(), whole.view().substr(13)))) << "a gap";
  EXPECT_FALSE(first.Join(Slice(std::string("tea")))) << "another owner";
  EXPECT_FALSE(Slice().Join(Slice()));
  EXPECT_EQ(first.view(), "blue kettle");
}

TEST(SliceTest, TakingAwayAPrefixLeavesCopiesAlone) {
  Slice slice(std::string("blue kettle"));
  const Slice copy = slice;
  slice.RemovePrefix(5);
  EXPECT_EQ(slice.view(), "kettle");
  EXPECT_EQ(copy.view(), "blue kettle");
}

}  // namespace
}  // namespace singleflight::base
