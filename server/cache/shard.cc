#include "server/cache/shard.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"

namespace singleflight::cache {

Found Shard::Find(const model::Key& key, const Origin& origin, base::Instant now) {
  Found found;
  Pointer expired;
  MutexLock lock(mu_);
  const auto at = table_.find(WantedOf(key));
  if (at == table_.end()) {
    found.purged = Purged(key, origin);
  } else if ((*at)->lifespan().expires <= now) {
    expired = Remove(at, Gone::kExpired);
    found.purged = Purged(key, origin);
  } else {
    eviction_.Touch(**at);
    found.lifespan = (*at)->lifespan();
    found.reply = Entry::ReplyOf(*at);
  }
  return found;
}

uint64_t Shard::PurgedAt(const model::Key& key, const Origin& origin) const {
  MutexLock lock(mu_);
  return Purged(key, origin);
}

uint64_t Shard::Purged(const model::Key& key, const Origin& origin) const {
  return std::max({ledger_.LatestOf(KeyScope(key)), ledger_.LatestOf(MethodScope(origin.path)),
                   ledger_.LatestOfAnyTag(HomeOf(origin))});
}

bool Shard::Voided(const Entry& entry, const model::Key& key, const Labels& labels) const {
  uint64_t purged = std::max(ledger_.LatestOf(KeyScope(key)), ledger_.LatestOf(labels.method));
  for (const Scope& tag : labels.tags) purged = std::max(purged, ledger_.LatestOf(tag));
  return purged > entry.number();
}

absl::optional<Refusal> Shard::Put(Pointer entry, const model::Key& key, const Labels& labels) {
  absl::InlinedVector<Pointer, 4> dropped;  // destroyed after the lock
  MutexLock lock(mu_);
  if (Voided(*entry, key, labels)) return Refusal::kPurged;
  Entry* const put = entry.get();
  if (const auto at = table_.find(WantedOf(key)); at != table_.end()) {
    if ((*at)->number() > put->number()) return Refusal::kSuperseded;
    dropped.push_back(*at);
    table_.erase(at);
    tags_.Remove(dropped.back()->tags());
    ++gone_[static_cast<size_t>(Gone::kReplaced)];
    eviction_.Replace(*dropped.back(), *put);
  } else {
    eviction_.Insert(*put);
  }
  tags_.Add(put->tags());
  table_.insert(std::move(entry));
  bool stays = true;
  while (Evictable* victim = eviction_.Victim()) {
    stays = stays && victim != put;
    dropped.push_back(RemoveVictim(*victim));
    if (victim != put) ++gone_[static_cast<size_t>(Gone::kCapacity)];
  }
  if (stays) return absl::nullopt;
  return Refusal::kNotAdmitted;
}

Shard::Pointer Shard::Remove(Table::iterator at, Gone why) {
  Pointer gone = *at;
  table_.erase(at);
  tags_.Remove(gone->tags());
  eviction_.Erase(*gone);
  ++gone_[static_cast<size_t>(why)];
  return gone;
}

Shard::Pointer Shard::RemoveVictim(Evictable& victim) {
  const auto at = PlaceOf(static_cast<const Entry&>(victim));
  Pointer gone = *at;
  table_.erase(at);
  tags_.Remove(gone->tags());
  return gone;
}

Shard::Table::iterator Shard::PlaceOf(const Entry& entry) {
  return table_.find(Wanted{entry.hash, entry.key()});
}

// Recorded and dropped at once: a look-up finds both or neither.
size_t Shard::Purge(absl::Span<const Scope> scopes, uint64_t number) {
  std::vector<Pointer> dropped;  // destroyed after the lock
  MutexLock lock(mu_);
  for (const Scope& scope : scopes) ledger_.Record(scope, number);
  const bool only_tags = std::all_of(scopes.begin(), scopes.end(), [](const Scope& scope) {
    return scope.kind == Scope::Kind::kTag;
  });
  dropped = only_tags ? RemoveCarriers(scopes, number) : RemoveMatches(scopes, number);
  return dropped.size();
}

std::vector<Shard::Pointer> Shard::RemoveCarriers(absl::Span<const Scope> tags, uint64_t number) {
  std::vector<Pointer> removed;
  for (const Scope& tag : tags) {
    for (const Entry* entry : tags_.Carrying(tag.id)) {
      if (entry->number() < number) removed.push_back(Remove(PlaceOf(*entry), Gone::kPurged));
    }
  }
  return removed;
}

std::vector<Shard::Pointer> Shard::RemoveMatches(absl::Span<const Scope> scopes, uint64_t number) {
  std::vector<Pointer> removed;
  for (auto at = table_.begin(); at != table_.end();) {
    const auto here = at++;
    if ((*here)->number() < number && (*here)->MatchesAny(scopes)) {
      removed.push_back(Remove(here, Gone::kPurged));
    }
  }
  return removed;
}

void Shard::AddTo(Census& census) const {
  MutexLock lock(mu_);
  census.bytes += eviction_.bytes() + eviction_.bookkeeping_bytes();
  census.entries += table_.size();
  for (size_t i = 0; i < kGone; ++i) census.gone[i] += gone_[i];
}

bool Shard::IsSound() const {
  MutexLock lock(mu_);
  size_t links = 0;
  for (const Pointer& entry : table_) {
    for (const TagLink& link : entry->tags()) {
      if (link.entry != entry.get() || !tags_.Has(link)) return false;
      ++links;
    }
  }
  return links == tags_.CountLinks() && table_.size() == eviction_.size();
}

}  // namespace singleflight::cache
