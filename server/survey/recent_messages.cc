// Finds the nearest of the messages that stand in the set of a key, and puts its message there.

#include "server/survey/recent_messages.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace singleflight::survey {
namespace {

using model::FieldPath;

bool Has(absl::Span<const MessageMarks::Mark> marks, FieldCode field) {
  return std::any_of(marks.begin(), marks.end(),
                     [field](const MessageMarks::Mark& mark) { return mark.field == field; });
}

// Without what stands in another of them.
std::vector<FieldPath> Outermost(std::vector<FieldPath> paths) {
  std::sort(paths.begin(), paths.end());  // what stands in another follows it
  std::vector<FieldPath> outermost;
  for (FieldPath& path : paths) {
    if (outermost.empty() || !model::StandsIn(path, outermost.back())) {
      outermost.push_back(std::move(path));
    }
  }
  return outermost;
}

// The one place where the path of a field is turned into what people read of it.
std::string NameOf(const FieldPath& path) { return model::ToText(path); }

}  // namespace

bool RecentMessages::Seen::Is(const MessageMarks& other) const {
  return rest == other.rest() && message == other.message();
}

bool RecentMessages::Seen::Has(const Mark& mark) const {
  const Mark* const end = marks.data() + size;
  return std::any_of(marks.data(), end, [&mark](const Mark& own) {
    return own.field == mark.field && own.value == mark.value;
  });
}

// How many fields differ, whatever message they stand in; as far as can be: that is not known.
size_t RecentMessages::Distance(const MessageMarks& message, const Seen& seen) {
  if (!seen.taken_apart) return std::numeric_limits<size_t>::max();
  size_t different = 0;
  for (const Mark& mark : message.all()) different += seen.Has(mark) ? 0 : 1;
  for (const Mark& mark : seen.All()) different += survey::Has(message.all(), mark.field) ? 0 : 1;
  return different;
}

std::vector<FieldPath> RecentMessages::Paths(const MessageMarks& message, const Seen& seen) {
  std::vector<FieldPath> paths;
  for (const Mark& mark : message.all()) {
    if (!seen.Has(mark)) paths.push_back(mark.field.Path());
  }
  for (const Mark& mark : seen.All()) {
    if (!survey::Has(message.all(), mark.field)) paths.push_back(mark.field.Path());
  }
  return Outermost(std::move(paths));
}

Differences RecentMessages::Between(const MessageMarks& message, base::Instant since) const {
  const Seen* nearest = nullptr;
  size_t least = 0;
  for (const Seen& seen : sets_[message.rest() % kSets]) {
    if (seen.Is(message)) return {};
    if (seen.rest != message.rest() || seen.at < since) continue;
    const size_t distance = Distance(message, seen);
    const bool nearer =
        nearest == nullptr || distance < least || (distance == least && seen.turn > nearest->turn);
    if (!nearer) continue;
    nearest = &seen;
    least = distance;
  }
  if (nearest == nullptr) return {};
  std::vector<FieldPath> paths;
  if (message.taken_apart() && nearest->taken_apart) paths = Paths(message, *nearest);
  Differences differences;
  if (paths.empty() || paths.size() > kMostNamed) {
    differences.push_back({SplitKind::kField, std::string(kMessage)});
    return differences;
  }
  for (const FieldPath& path : paths) differences.push_back({SplitKind::kField, NameOf(path)});
  return differences;
}

void RecentMessages::Keep(const MessageMarks& message, base::Instant now) {
  Set& set = sets_[message.rest() % kSets];
  Seen* place = &set.front();
  for (Seen& seen : set) {
    if (seen.turn < place->turn) place = &seen;
  }
  for (Seen& seen : set) {
    if (seen.Is(message)) place = &seen;
  }
  const auto size = static_cast<uint32_t>(message.all().size());
  *place = {message.rest(), message.message(), ++turn_, now, message.taken_apart(), size, {}};
  std::copy(message.all().begin(), message.all().end(), place->marks.begin());
}

}  // namespace singleflight::survey
