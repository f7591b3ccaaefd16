#include "server/cache/group_index.h"

namespace singleflight::cache {

void GroupIndex::Add(absl::Span<GroupLink> links) {
  for (GroupLink& link : links) {
    GroupLink*& newest = newest_[link.group];
    link.older = newest;
    link.newer = nullptr;
    if (newest != nullptr) newest->newer = &link;
    newest = &link;
  }
}

void GroupIndex::Remove(absl::Span<GroupLink> links) {
  for (GroupLink& link : links) {
    if (link.older != nullptr) link.older->newer = link.newer;
    if (link.newer != nullptr) {
      link.newer->older = link.older;
    } else if (link.older != nullptr) {
      newest_[link.group] = link.older;
    } else {
      newest_.erase(link.group);
    }
    link.newer = link.older = nullptr;
  }
}

std::vector<Entry*> GroupIndex::In(uint64_t group) const {
  std::vector<Entry*> entries;
  for (const GroupLink* link = NewestOf(group); link != nullptr; link = link->older) {
    // The links of an entry that names a group twice were added one after the other.
    if (entries.empty() || entries.back() != link->entry) entries.push_back(link->entry);
  }
  return entries;
}

bool GroupIndex::Has(const GroupLink& link) const {
  if (link.older != nullptr && link.older->newer != &link) return false;
  return link.newer != nullptr ? link.newer->older == &link : NewestOf(link.group) == &link;
}

size_t GroupIndex::CountLinks() const {
  size_t links = 0;
  for (const auto& [group, newest] : newest_) {
    for (const GroupLink* link = newest; link != nullptr; link = link->older) ++links;
  }
  return links;
}

GroupLink* GroupIndex::NewestOf(uint64_t group) const {
  const auto found = newest_.find(group);
  return found == newest_.end() ? nullptr : found->second;
}

}  // namespace singleflight::cache
