#include "server/cache/group_index.h"

#include <gmock/gmock.h>

#include "server/cache/entry.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Entries in groups, of which the index is told.
class GroupIndexTest : public ::testing::Test {
 protected:
  using Pointer = std::shared_ptr<Entry>;

  static Pointer In(const std::vector<uint64_t>& ids) {
    Labels labels{MethodScope(kGet), {}};
    for (const uint64_t id : ids) labels.groups.push_back({Scope::Kind::kGroup, id});
    return Entry::Make(KeyOf("id-7"), OkReply("blue kettle"), Lifespan(), labels, 3);
  }
  Pointer Add(const std::vector<uint64_t>& ids) {
    Pointer entry = In(ids);
    index_.Add(entry->groups());
    return entry;
  }

  GroupIndex index_;
};

TEST_F(GroupIndexTest, AGroupLeadsToThoseInIt) {
  const Pointer a = Add({1, 2}), b = Add({2, 3}), c = Add({});
  EXPECT_THAT(index_.In(1), UnorderedElementsAre(a.get()));
  EXPECT_THAT(index_.In(2), UnorderedElementsAre(a.get(), b.get()));
  EXPECT_THAT(index_.In(3), UnorderedElementsAre(b.get()));
  EXPECT_THAT(index_.In(4), IsEmpty());
}

TEST_F(GroupIndexTest, WhoeverIsRemovedLeavesTheOthersInPlace) {
  for (size_t gone = 0; gone < 3; ++gone) {
    const Pointer entries[] = {Add({1}), Add({1, 2}), Add({1})};
    index_.Remove(entries[gone]->groups());
    EXPECT_THAT(index_.In(1),
                UnorderedElementsAre(entries[(gone + 1) % 3].get(), entries[(gone + 2) % 3].get()));
    EXPECT_EQ(index_.CountLinks(), gone == 1 ? 2 : 3);
    for (const Pointer& entry : entries) {
      EXPECT_EQ(index_.Has(entry->groups()[0]), entry != entries[gone]);
      if (entry != entries[gone]) index_.Remove(entry->groups());
    }
    EXPECT_EQ(index_.CountLinks(), 0);
  }
}

TEST_F(GroupIndexTest, AnEntryThatNamesAGroupTwiceIsFoundOnceAndLeavesNothing) {
  const Pointer a = Add({1, 2, 1}), b = Add({1, 1});
  EXPECT_THAT(index_.In(1), UnorderedElementsAre(a.get(), b.get()));
  index_.Remove(a->groups());
  EXPECT_THAT(index_.In(1), UnorderedElementsAre(b.get()));
  index_.Remove(b->groups());
  EXPECT_EQ(index_.CountLinks(), 0);
}

}  // namespace
}  // namespace singleflight::cache
