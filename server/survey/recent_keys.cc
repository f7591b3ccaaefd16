// Compares a key with those that stand in the set of its question, and puts it there.

#include "server/survey/recent_keys.h"

#include <algorithm>
#include <cstring>

namespace singleflight::survey {
namespace {

constexpr size_t kOfOtherRules = Components::kMost * 2 + 1;  // farther than any key of the same

std::string Shown(absl::string_view name) {
  return name.empty() ? std::string(kOther) : Cut(name, kLongestName);
}

bool Has(const Components& key, uint32_t id) {
  return std::any_of(key.all().begin(), key.all().end(),
                     [id](const Component& component) { return component.id == id; });
}

}  // namespace

RecentKeys::Noted RecentKeys::Note(const Components& key, base::Instant now,
                                   absl::Duration recent) {
  for (const Component& component : key.all()) Keep(component);
  Set& set = sets_[key.question() % kSets];
  Seen* place = &set.front();
  uint64_t own = 0;
  for (Seen& seen : set) {
    const bool equal =
        seen.question == key.question() && seen.turn != 0 && Distance(key, seen) == 0;
    if (equal) own = seen.turn;
    if (equal || (own == 0 && seen.turn < place->turn)) place = &seen;
  }
  const Seen* const nearest = Nearest(key, set, own, base::After(now, -recent));
  Noted noted{own != 0, {}};
  if (nearest != nullptr) noted.differences = Between(key, *nearest);
  *place = {key.question(), ++turn_, now, key.rules(), static_cast<uint32_t>(key.all().size()), {}};
  std::transform(key.all().begin(), key.all().end(), place->marks.begin(),
                 [](const Component& component) {
                   return Mark{component.id, component.value};
                 });
  return noted;
}

const RecentKeys::Mark* RecentKeys::Seen::Find(uint32_t id) const {
  const Mark* const end = marks.data() + size;
  const Mark* const found =
      std::find_if(marks.data(), end, [id](const Mark& mark) { return mark.id == id; });
  return found == end ? nullptr : found;
}

size_t RecentKeys::Distance(const Components& key, const Seen& seen) {
  if (key.rules() != seen.rules) return kOfOtherRules;
  size_t different = 0, in_both = 0;
  for (const Component& component : key.all()) {
    const Mark* const mark = seen.Find(component.id);
    if (mark != nullptr) ++in_both;
    if (mark == nullptr || mark->value != component.value) ++different;
  }
  return different + seen.size - in_both;
}

// `behind`: noted after that turn.
const RecentKeys::Seen* RecentKeys::Nearest(const Components& key, const Set& set, uint64_t behind,
                                            base::Instant since) {
  const Seen* nearest = nullptr;
  size_t least = 0;
  for (const Seen& seen : set) {
    if (seen.question != key.question() || seen.turn <= behind || seen.at < since) continue;
    const size_t distance = Distance(key, seen);
    const bool nearer =
        nearest == nullptr || distance < least || (distance == least && seen.turn > nearest->turn);
    if (!nearer) continue;
    nearest = &seen;
    least = distance;
  }
  return nearest;
}

Differences RecentKeys::Between(const Components& key, const Seen& seen) const {
  Differences differences;
  if (key.rules() != seen.rules) {
    differences.push_back({SplitKind::kPolicy, std::string(kRules)});
    return differences;
  }
  for (const Component& component : key.all()) {
    const Mark* const mark = seen.Find(component.id);
    if (mark != nullptr && mark->value == component.value) continue;
    differences.push_back({KindOf(component), Shown(component.name)});
  }
  for (const Mark& mark : absl::MakeConstSpan(seen.marks.data(), seen.size)) {
    if (!Has(key, mark.id)) differences.push_back(NameOfKept(mark.id));
  }
  return differences;
}

void RecentKeys::Keep(const Component& component) {
  Name& name = names_[component.id % kNames];
  if (name.id == component.id) return;
  const std::string shown = Shown(component.name);
  name.id = component.id;
  name.size = static_cast<uint8_t>(shown.size());
  std::memcpy(name.text.data(), shown.data(), shown.size());
}

NamedDifference RecentKeys::NameOfKept(uint32_t id) const {
  const Name& name = names_[id % kNames];
  if (name.id != id) return {SplitKind::kMetadata, std::string(kOther)};
  const absl::string_view text(name.text.data(), name.size);
  return {KindOfMetadata(text), std::string(text)};  // the others are in every key
}

}  // namespace singleflight::survey
