#include "server/cache/purge_ledger.h"

#include <algorithm>

namespace singleflight::cache {
namespace {

// The kind is part of the id, because hashes of keys may equal the ids of other scopes.
uint64_t IdOf(uint64_t hash, Scope::Kind kind) { return hash * 4 + static_cast<uint64_t>(kind); }

uint64_t IdOf(const Scope& scope) { return IdOf(scope.id, scope.kind); }

// Stands for all groups of a home.
uint64_t IdOf(const Home& home) { return IdOf(home.authority, Scope::Kind::kAll); }

}  // namespace

void PurgeLedger::Record(const Scope& scope, uint64_t number) {
  if (scope.kind == Scope::Kind::kAll) {
    floor_ = std::max(floor_, number);
    return;
  }
  Note({IdOf(scope), number, scope.home.upstream});
  if (scope.kind == Scope::Kind::kGroup) Note({IdOf(scope.home), number, scope.home.upstream});
  Trim();
}

void PurgeLedger::Note(const Purge& purge) {
  uint64_t& latest = numbers_[purge.id];
  if (latest >= purge.number) return;
  latest = purge.number;
  oldest_first_.push_back(purge);
}

void PurgeLedger::Trim() {
  while (numbers_.size() > capacity_) {
    const Purge oldest = oldest_first_.front();
    oldest_first_.pop_front();
    if (Outdated(oldest)) continue;
    uint64_t& floor = FloorOf(oldest.upstream);
    floor = std::max(floor, oldest.number);
    numbers_.erase(oldest.id);
  }
  if (oldest_first_.size() <= 2 * capacity_) return;
  std::erase_if(oldest_first_, [this](const Purge& purge) { return Outdated(purge); });
}

bool PurgeLedger::Outdated(const Purge& purge) const {
  const auto found = numbers_.find(purge.id);
  return found == numbers_.end() || found->second != purge.number;
}

uint64_t& PurgeLedger::FloorOf(uint64_t upstream) {
  return upstream == 0 ? floor_ : floors_[upstream];
}

uint64_t PurgeLedger::Latest(uint64_t id, uint64_t upstream) const {
  uint64_t latest = floor_;
  if (const auto found = numbers_.find(id); found != numbers_.end()) {
    latest = std::max(latest, found->second);
  }
  if (const auto found = floors_.find(upstream); found != floors_.end()) {
    latest = std::max(latest, found->second);
  }
  return latest;
}

uint64_t PurgeLedger::LatestOf(const Scope& scope) const {
  return Latest(IdOf(scope), scope.home.upstream);
}

uint64_t PurgeLedger::LatestOfAnyGroup(const Home& home) const {
  return Latest(IdOf(home), home.upstream);
}

}  // namespace singleflight::cache
