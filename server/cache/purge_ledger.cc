#include "server/cache/purge_ledger.h"

#include <algorithm>

namespace singleflight::cache {
namespace {

// Keys have hashes of their own, which may be anything: told apart from the other scopes' ids.
uint64_t IdOf(const Scope& scope) { return scope.id * 4 + static_cast<uint64_t>(scope.kind); }

}  // namespace

void PurgeLedger::Record(const Scope& scope, uint64_t number) {
  if (scope.kind == Scope::Kind::kAll) {
    floor_ = std::max(floor_, number);
    return;
  }
  if (scope.kind == Scope::Kind::kTag) latest_tag_ = std::max(latest_tag_, number);
  uint64_t& latest = numbers_[IdOf(scope)];
  latest = std::max(latest, number);
  oldest_first_.emplace_back(IdOf(scope), number);
  while (oldest_first_.size() > capacity_) {
    const auto [id, recorded] = oldest_first_.front();
    oldest_first_.pop_front();
    const auto found = numbers_.find(id);
    if (found == numbers_.end() || found->second != recorded) continue;  // purged again later
    floor_ = std::max(floor_, recorded);
    numbers_.erase(found);
  }
}

uint64_t PurgeLedger::LatestOf(const Scope& scope) const {
  if (numbers_.empty()) return floor_;
  const auto found = numbers_.find(IdOf(scope));
  return found == numbers_.end() ? floor_ : std::max(floor_, found->second);
}

}  // namespace singleflight::cache
