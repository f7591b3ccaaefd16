#include "server/survey/splits.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_join.h"
#include "server/survey/components.h"
#include "server/survey/message_marks.h"

namespace singleflight::survey {
namespace {

// Fields differ in one message, so several of them are one split all the same.
SplitKind KindOf(const Differences& differences) {
  const SplitKind first = differences.front().kind;
  return differences.size() == 1 || first == SplitKind::kField ? first : SplitKind::kSeveral;
}

Splits::Apart ApartBy(const Differences& differences, absl::string_view method) {
  const auto name = [](std::string* out, const NamedDifference& difference) {
    out->append(difference.name);
  };
  const SplitKind kind = KindOf(differences);
  return {kind, absl::StrJoin(differences, ", ", name),
          kind == SplitKind::kField ? Cut(method, kLongestPath) : "", false};
}

}  // namespace

// A key that led before asks for something that is asked for again. No id of a request keeps that
// apart.
Differences Splits::Recent::Note(const Components& key, const MessageMarks& message,
                                 base::Instant now, absl::Duration recent) {
  RecentKeys::Noted noted = keys.Note(key, now, recent);
  if (!noted.led_before && noted.differences.empty()) {
    noted.differences = messages.Between(message, base::After(now, -recent));
  }
  messages.Keep(message, now);
  return std::move(noted.differences);
}

// Whoever holds the lock frees nothing that is large and calls nobody.
absl::optional<Splits::Apart> Splits::Note(const model::Key& key, base::Instant now,
                                           absl::Duration recent) {
  if (key.bytes.size() > kLongestKey) return absl::nullopt;
  const Components components(key);
  const MessageMarks message(key);
  if (!mu_.TryLock()) return absl::nullopt;
  if (recent_ == nullptr) recent_ = std::make_unique<Recent>();
  const Differences differences = recent_->Note(components, message, now, recent);
  absl::optional<Apart> apart;
  if (!differences.empty()) {
    apart = ApartBy(differences, components.method());
    apart->say = now >= next_line_;
    if (apart->say) next_line_ = base::After(now, kLineEvery);
    Count(*apart, now);
  }
  mu_.Unlock();
  return apart;
}

void Splits::Count(const Apart& apart, base::Instant now) {
  auto found = std::find_if(splits_.begin(), splits_.end(), [&apart](const Split& split) {
    return split.kind == apart.kind && split.name == apart.name && split.method == apart.method;
  });
  if (found == splits_.end()) {
    if (splits_.size() == kMost) MakeRoom();
    splits_.push_back({apart.kind, apart.name, apart.method, 0, now});
    found = std::prev(splits_.end());
  }
  ++found->calls;
  found->last = now;
}

void Splits::MakeRoom() {
  const auto least =
      std::min_element(splits_.begin(), splits_.end(), [](const Split& a, const Split& b) {
        return std::tie(a.calls, a.last) < std::tie(b.calls, b.last);
      });
  Split& other = others_[static_cast<size_t>(least->kind)];
  other = {least->kind, std::string(kOther), "", other.calls + least->calls,
           std::max(other.last, least->last)};
  splits_.erase(least);
}

std::vector<Split> Splits::List() const {
  MutexLock lock(mu_);
  std::vector<Split> all = splits_;
  std::copy_if(others_.begin(), others_.end(), std::back_inserter(all),
               [](const Split& split) { return split.calls > 0; });
  return all;
}

}  // namespace singleflight::survey
