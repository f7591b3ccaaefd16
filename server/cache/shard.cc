// Where purges, fills and hits meet: numbers decide, and a hit moves nothing.
//
// Every purge and every fill takes the next number of one sequence (Store). A fill takes its number
// before its call is sent upstream. So numbers say what was asked before what, whatever the order
// in which replies come:
//
//   Purge   writes its number down for its scope, and drops the entries there with smaller numbers
//   Put     refuses a reply if a purge of its key, its method or one of its groups has a number
//           above its fill's, or if the entry that is there has one
//   Find    returns the entry, or the number of the latest purge that may concern the key. A caller
//           joins no flight whose leader did not know of that purge.
//
// Each is one critical section. So a reply that was asked for before a purge meets that purge in
// one of two ways: it is there and is dropped, or it comes later and is refused. A reply that comes
// late never takes the place of a newer one.
//
// A hit takes the mutex, finds the entry by hash and bytes, counts a use in the entry and copies a
// pointer. It moves no list: an LRU list would make every hit write to its neighbours' memory, and
// would keep other hits waiting for the mutex while it does. Eviction looks at the counts later.
//
// What is taken out is destroyed after the lock, because freeing large replies takes long.

#include "server/cache/shard.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"

namespace singleflight::cache {

namespace {

bool IsServed(const Entry& entry, base::Instant now) {
  return entry.lifespan().expires > now || entry.extension().stale_while_revalidate_until > now;
}

}  // namespace

Found Shard::Find(const model::Key& key, const Origin& origin, base::Instant now) {
  Pointer expired;
  MutexLock lock(mu_);
  const auto at = table_.find(WantedOf(key));
  if (at == table_.end()) return Nothing(key, origin);
  if (IsServed(**at, now)) {
    eviction_.Touch(**at);
    return FoundIn(*at, now);
  }
  if ((*at)->extension().stale_if_error_until <= now) expired = Remove(at, Gone::kExpired);
  return Nothing(key, origin);
}

// What it finds and does not take stays for others.
Found Shard::FindFor(const RequestControl& control, const model::Key& key, const Origin& origin,
                     base::Instant now) {
  MutexLock lock(mu_);
  const auto at = table_.find(WantedOf(key));
  if (at == table_.end()) return Nothing(key, origin);
  const Extension extension = (*at)->extension();
  const bool served_stale = extension.stale_while_revalidate_until > now;
  const bool may_be_stale = served_stale || extension.stale_if_error_until > now;
  if (!control.Takes((*at)->lifespan(), now, served_stale, may_be_stale)) {
    return Nothing(key, origin);
  }
  eviction_.Touch(**at);
  return FoundIn(*at, now);
}

Found Shard::Nothing(const model::Key& key, const Origin& origin) const {
  Found nothing;
  nothing.purged = Purged(key, origin);
  return nothing;
}

Found Shard::FoundIn(const Pointer& entry, base::Instant now) {
  Found found{Entry::ReplyOf(entry), entry->lifespan()};
  if (!entry->extended()) return found;
  const Extension extension = entry->extension();
  found.status = extension.status;
  found.extended = true;
  found.served_stale = extension.stale_while_revalidate_until > now;
  found.refreshable = found.served_stale && extension.refreshing_until <= now;
  found.took = extension.took;
  return found;
}

bool Shard::BeginRefresh(const model::Key& key, base::Instant now, base::Instant until) {
  MutexLock lock(mu_);
  const auto at = table_.find(WantedOf(key));
  if (at == table_.end()) return false;
  Extension extension = (*at)->extension();
  if (extension.stale_while_revalidate_until <= now || extension.refreshing_until > now) {
    return false;
  }
  extension.refreshing_until = until;
  (*at)->set_extension(extension);
  return true;
}

void Shard::GiveUpRefresh(const model::Key& key, base::Instant until, base::Instant pause) {
  MutexLock lock(mu_);
  const auto at = table_.find(WantedOf(key));
  if (at == table_.end()) return;
  Extension extension = (*at)->extension();
  if (extension.refreshing_until != until) return;  // another entry, or another's right
  extension.refreshing_until = pause;
  (*at)->set_extension(extension);
}

Found Shard::FindAfterFailure(const model::Key& key, base::Instant now) {
  MutexLock lock(mu_);
  const auto at = table_.find(WantedOf(key));
  if (at == table_.end() || (*at)->extension().stale_if_error_until <= now) return Found();
  eviction_.Touch(**at);
  return FoundIn(*at, now);
}

void Shard::Drop(const model::Key& key, uint64_t number) {
  Pointer outdated;
  MutexLock lock(mu_);
  const auto at = table_.find(WantedOf(key));
  if (at != table_.end() && (*at)->number() < number) outdated = Remove(at, Gone::kOutdated);
}

uint64_t Shard::PurgedAt(const model::Key& key, const Origin& origin) const {
  MutexLock lock(mu_);
  return Purged(key, origin);
}

uint64_t Shard::Purged(const model::Key& key, const Origin& origin) const {
  return std::max({ledger_.LatestOf(KeyScope(key)), ledger_.LatestOf(MethodScope(origin.path)),
                   ledger_.LatestOfAnyGroup(HomeOf(origin))});
}

bool Shard::Voided(const Entry& entry, const model::Key& key, const Labels& labels) const {
  uint64_t purged = std::max(ledger_.LatestOf(KeyScope(key)), ledger_.LatestOf(labels.method));
  for (const Scope& group : labels.groups) purged = std::max(purged, ledger_.LatestOf(group));
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
    groups_.Remove(dropped.back()->groups());
    ++gone_[static_cast<size_t>(Gone::kReplaced)];
    eviction_.Replace(*dropped.back(), *put);
  } else {
    eviction_.Insert(*put);
  }
  groups_.Add(put->groups());
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
  groups_.Remove(gone->groups());
  eviction_.Erase(*gone);
  ++gone_[static_cast<size_t>(why)];
  return gone;
}

Shard::Pointer Shard::RemoveVictim(Evictable& victim) {
  const auto at = SlotOf(static_cast<const Entry&>(victim));
  Pointer gone = *at;
  table_.erase(at);
  groups_.Remove(gone->groups());
  return gone;
}

Shard::Table::iterator Shard::SlotOf(const Entry& entry) {
  return table_.find(Wanted{entry.hash, entry.key()});
}

// Both under one lock: a look-up finds the purge recorded and its entries gone, or neither.
size_t Shard::Purge(absl::Span<const Scope> scopes, uint64_t number) {
  std::vector<Pointer> dropped;  // destroyed after the lock
  MutexLock lock(mu_);
  for (const Scope& scope : scopes) ledger_.Record(scope, number);
  const bool only_groups = std::all_of(scopes.begin(), scopes.end(), [](const Scope& scope) {
    return scope.kind == Scope::Kind::kGroup;
  });
  dropped = only_groups ? RemoveMembers(scopes, number) : RemoveMatches(scopes, number);
  return dropped.size();
}

std::vector<Shard::Pointer> Shard::RemoveMembers(absl::Span<const Scope> groups, uint64_t number) {
  std::vector<Pointer> removed;
  for (const Scope& group : groups) {
    for (const Entry* entry : groups_.In(group.id)) {
      if (entry->number() < number) removed.push_back(Remove(SlotOf(*entry), Gone::kPurged));
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
    for (const GroupLink& link : entry->groups()) {
      if (link.entry != entry.get() || !groups_.Has(link)) return false;
      ++links;
    }
  }
  return links == groups_.CountLinks() && table_.size() == eviction_.size();
}

}  // namespace singleflight::cache
