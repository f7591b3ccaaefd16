#include "server/survey/splits.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"

namespace singleflight::survey {
namespace {

Splits::Apart ApartBy(const Differences& differences) {
  if (differences.size() == 1) return {differences[0].kind, differences[0].name, false};
  const auto name = [](std::string* out, const NamedDifference& difference) {
    out->append(difference.name);
  };
  return {SplitKind::kSeveral, absl::StrJoin(differences, ", ", name), false};
}

}  // namespace

// Whoever holds the lock frees nothing that is large and calls nobody.
absl::optional<Splits::Apart> Splits::Note(const model::Key& key, base::Instant now,
                                           absl::Duration recent) {
  if (key.bytes.size() > kLongestKey) return absl::nullopt;
  const Components components(key);
  if (!mu_.TryLock()) return absl::nullopt;
  if (recent_ == nullptr) recent_ = std::make_unique<RecentKeys>();
  const Differences differences = recent_->Note(components, now, recent);
  absl::optional<Apart> apart;
  if (!differences.empty()) {
    apart = ApartBy(differences);
    apart->say = now >= next_line_;
    if (apart->say) next_line_ = base::After(now, kLineEvery);
    Count(*apart, now);
  }
  mu_.Unlock();
  return apart;
}

void Splits::Count(const Apart& apart, base::Instant now) {
  auto found = std::find_if(splits_.begin(), splits_.end(), [&apart](const Split& split) {
    return split.kind == apart.kind && split.name == apart.name;
  });
  if (found == splits_.end()) {
    if (splits_.size() == kMost) MakeRoom();
    splits_.push_back({apart.kind, apart.name, 0, now});
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
  other = {least->kind, std::string(kOther), other.calls + least->calls,
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
