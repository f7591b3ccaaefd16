#ifndef SINGLEFLIGHT_SERVER_CACHE_TAG_INDEX_H_
#define SINGLEFLIGHT_SERVER_CACHE_TAG_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"

namespace singleflight::cache {

class Entry;

// The place of an entry among those that carry one tag. An entry has one for each of its tags, in
// its own memory.
struct TagLink {
  uint64_t tag;
  Entry* entry;
  TagLink* newer = nullptr;  // TagIndex's own, as is `older`
  TagLink* older = nullptr;
};

// Which entries carry a tag, so that a purge of it takes time in proportion to them alone: from
// each tag a list that runs through the entries. Links stay where they are from Add until Remove.
//
// Threads: none of its own; it belongs to a shard and is used under the shard's lock.
class TagIndex {
 public:
  // What a tag takes besides its link: a slot of the index at its usual load. Where several entries
  // carry a tag, they share it; each counts it all the same.
  static constexpr size_t kSlotBytes = 24;

  // All links of one entry.
  void Add(absl::Span<TagLink> links);
  void Remove(absl::Span<TagLink> links);

  // Each entry once.
  std::vector<Entry*> Carrying(uint64_t tag) const;

  // For tests: whether a link stands where its tag's list has it; how many links there are, which
  // takes a walk along all of them.
  bool Has(const TagLink& link) const;
  size_t CountLinks() const;

 private:
  TagLink* NewestOf(uint64_t tag) const;

  absl::flat_hash_map<uint64_t, TagLink*> newest_;  // no tag that nothing carries
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_TAG_INDEX_H_
