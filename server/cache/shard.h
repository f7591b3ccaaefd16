// The part of a Store whose keys fall to one mutex (shard.cc tells how purges and hits meet here).
//
// Threads: every method, from any.

#ifndef SINGLEFLIGHT_SERVER_CACHE_SHARD_H_
#define SINGLEFLIGHT_SERVER_CACHE_SHARD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "server/cache/census.h"
#include "server/cache/entry.h"
#include "server/cache/group_index.h"
#include "server/cache/purge_ledger.h"
#include "server/cache/store.h"
#include "singleflight/mutex.h"

namespace singleflight::cache {

class alignas(64) Shard {
 public:
  explicit Shard(uint64_t max_bytes) : eviction_(max_bytes) {}

  Found Find(const model::Key& key, const Origin& origin, base::Instant now);
  Found FindFor(const RequestControl& control, const model::Key& key, const Origin& origin,
                base::Instant now);
  bool BeginRefresh(const model::Key& key, base::Instant now, base::Instant until);
  void GiveUpRefresh(const model::Key& key, base::Instant until, base::Instant pause);
  Found FindAfterFailure(const model::Key& key, base::Instant now);
  void Drop(const model::Key& key, uint64_t number);
  uint64_t PurgedAt(const model::Key& key, const Origin& origin) const;
  absl::optional<Refusal> Put(std::shared_ptr<Entry> entry, const model::Key& key,
                              const Labels& labels);
  size_t Purge(absl::Span<const Scope> scopes, uint64_t number);
  void AddTo(Census& census) const;
  bool IsSound() const;

 private:
  using Pointer = std::shared_ptr<Entry>;
  struct Wanted {
    uint64_t hash;
    absl::string_view key;
  };
  struct HashOf {
    using is_transparent = void;
    size_t operator()(const Pointer& entry) const { return static_cast<size_t>(entry->hash); }
    size_t operator()(const Wanted& wanted) const { return static_cast<size_t>(wanted.hash); }
  };
  // The hash finds, the bytes decide.
  struct SameKey {
    using is_transparent = void;
    bool operator()(const Pointer& a, const Pointer& b) const {
      return a->hash == b->hash && a->key() == b->key();
    }
    bool operator()(const Pointer& a, const Wanted& b) const {
      return a->hash == b.hash && a->key() == b.key;
    }
    bool operator()(const Wanted& a, const Pointer& b) const { return (*this)(b, a); }
  };
  using Table = absl::flat_hash_set<Pointer, HashOf, SameKey>;

  static Wanted WantedOf(const model::Key& key) { return {key.hash, key.bytes}; }

  uint64_t Purged(const model::Key& key, const Origin& origin) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Voided(const Entry& entry, const model::Key& key, const Labels& labels) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Found Nothing(const model::Key& key, const Origin& origin) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  static Found FoundIn(const Pointer& entry, base::Instant now);

  // Takes an entry out of the table; the caller destroys it after the lock.
  Pointer Remove(Table::iterator at, Gone why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Pointer RemoveVictim(Evictable& victim) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Table::iterator SlotOf(const Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // What a purge with this number drops. `groups` are scopes of groups and of nothing else.
  std::vector<Pointer> RemoveMembers(absl::Span<const Scope> groups, uint64_t number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<Pointer> RemoveMatches(absl::Span<const Scope> scopes, uint64_t number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  Table table_ ABSL_GUARDED_BY(mu_);
  GroupIndex groups_ ABSL_GUARDED_BY(mu_);  // of the entries in the table
  Eviction eviction_ ABSL_GUARDED_BY(mu_);
  PurgeLedger ledger_ ABSL_GUARDED_BY(mu_);
  std::array<uint64_t, kGone> gone_ ABSL_GUARDED_BY(mu_) = {};
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_SHARD_H_
