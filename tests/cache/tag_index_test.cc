#include "server/cache/tag_index.h"

#include <gmock/gmock.h>

#include "server/cache/entry.h"
#include "tests/cache/replies.h"

namespace singleflight::cache {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Entries that carry tags, of which the index is told.
class TagIndexTest : public ::testing::Test {
 protected:
  using Pointer = std::shared_ptr<Entry>;

  static Pointer Carrying(const std::vector<uint64_t>& ids) {
    Labels labels{MethodScope(kGet), {}};
    for (const uint64_t id : ids) labels.tags.push_back({Scope::Kind::kTag, id});
    return Entry::Make(KeyOf("id-7"), OkReply("blue kettle"), Lifespan(), labels, 3);
  }
  Pointer Add(const std::vector<uint64_t>& ids) {
    Pointer entry = Carrying(ids);
    index_.Add(entry->tags());
    return entry;
  }

  TagIndex index_;
};

TEST_F(TagIndexTest, ATagLeadsToThoseThatCarryIt) {
  const Pointer a = Add({1, 2}), b = Add({2, 3}), c = Add({});
  EXPECT_THAT(index_.Carrying(1), UnorderedElementsAre(a.get()));
  EXPECT_THAT(index_.Carrying(2), UnorderedElementsAre(a.get(), b.get()));
  EXPECT_THAT(index_.Carrying(3), UnorderedElementsAre(b.get()));
  EXPECT_THAT(index_.Carrying(4), IsEmpty());
}

TEST_F(TagIndexTest, WhoeverIsRemovedLeavesTheOthersInPlace) {
  for (size_t gone = 0; gone < 3; ++gone) {
    const Pointer entries[] = {Add({1}), Add({1, 2}), Add({1})};
    index_.Remove(entries[gone]->tags());
    EXPECT_THAT(index_.Carrying(1),
                UnorderedElementsAre(entries[(gone + 1) % 3].get(), entries[(gone + 2) % 3].get()));
    EXPECT_EQ(index_.CountLinks(), gone == 1 ? 2 : 3);
    for (const Pointer& entry : entries) {
      EXPECT_EQ(index_.Has(entry->tags()[0]), entry != entries[gone]);
      if (entry != entries[gone]) index_.Remove(entry->tags());
    }
    EXPECT_EQ(index_.CountLinks(), 0);
  }
}

TEST_F(TagIndexTest, AnEntryThatNamesATagTwiceIsFoundOnceAndLeavesNothing) {
  const Pointer a = Add({1, 2, 1}), b = Add({1, 1});
  EXPECT_THAT(index_.Carrying(1), UnorderedElementsAre(a.get(), b.get()));
  index_.Remove(a->tags());
  EXPECT_THAT(index_.Carrying(1), UnorderedElementsAre(b.get()));
  index_.Remove(b->tags());
  EXPECT_EQ(index_.CountLinks(), 0);
}

}  // namespace
}  // namespace singleflight::cache
