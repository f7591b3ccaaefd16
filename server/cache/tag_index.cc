#include "server/cache/tag_index.h"

namespace singleflight::cache {

void TagIndex::Add(absl::Span<TagLink> links) {
  for (TagLink& link : links) {
    TagLink*& newest = newest_[link.tag];
    link.older = newest;
    link.newer = nullptr;
    if (newest != nullptr) newest->newer = &link;
    newest = &link;
  }
}

void TagIndex::Remove(absl::Span<TagLink> links) {
  for (TagLink& link : links) {
    if (link.older != nullptr) link.older->newer = link.newer;
    if (link.newer != nullptr) {
      link.newer->older = link.older;
    } else if (link.older != nullptr) {
      newest_[link.tag] = link.older;
    } else {
      newest_.erase(link.tag);
    }
    link.newer = link.older = nullptr;
  }
}

std::vector<Entry*> TagIndex::Carrying(uint64_t tag) const {
  std::vector<Entry*> entries;
  for (const TagLink* link = NewestOf(tag); link != nullptr; link = link->older) {
    // The links of an entry that names a tag twice were added one after the other.
    if (entries.empty() || entries.back() != link->entry) entries.push_back(link->entry);
  }
  return entries;
}

bool TagIndex::Has(const TagLink& link) const {
  if (link.older != nullptr && link.older->newer != &link) return false;
  return link.newer != nullptr ? link.newer->older == &link : NewestOf(link.tag) == &link;
}

size_t TagIndex::CountLinks() const {
  size_t links = 0;
  for (const auto& [tag, newest] : newest_) {
    for (const TagLink* link = newest; link != nullptr; link = link->older) ++links;
  }
  return links;
}

TagLink* TagIndex::NewestOf(uint64_t tag) const {
  const auto found = newest_.find(tag);
  return found == newest_.end() ? nullptr : found->second;
}

}  // namespace singleflight::cache
