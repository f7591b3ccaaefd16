// Finds the entries of a group, so that a purge of the group takes time in proportion to them
// alone. From each group a list runs through its entries. Links stay where they are from Add until
// Remove.
//
// Threads: none of its own; it belongs to a shard and is used under the shard's lock.

#ifndef SINGLEFLIGHT_SERVER_CACHE_GROUP_INDEX_H_
#define SINGLEFLIGHT_SERVER_CACHE_GROUP_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"

namespace singleflight::cache {

class Entry;

// An entry's link in the list of one group. An entry has one for each of its groups, in its own
// memory.
struct GroupLink {
  uint64_t group;
  Entry* entry;
  GroupLink* newer = nullptr;  // GroupIndex's own, as is `older`
  GroupLink* older = nullptr;
};

class GroupIndex {
 public:
  // What a group takes besides its link: a slot of the index at its usual load. Where several
  // entries are in a group, they share it; each counts it all the same.
  static constexpr size_t kSlotBytes = 24;

  // All links of one entry.
  void Add(absl::Span<GroupLink> links);
  void Remove(absl::Span<GroupLink> links);

  // Each entry once.
  std::vector<Entry*> In(uint64_t group) const;

  // For tests: whether a link is in its group's list; how many links there are, which takes a walk
  // along all of them.
  bool Has(const GroupLink& link) const;
  size_t CountLinks() const;

 private:
  GroupLink* NewestOf(uint64_t group) const;

  absl::flat_hash_map<uint64_t, GroupLink*> newest_;  // no group without entries
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_GROUP_INDEX_H_
