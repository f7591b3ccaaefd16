// Remembers the number of the latest purge of each scope, so that a reply which was asked for
// before a purge is known to be older than it.
//
// The groups of a reply that is kept are known. Those of a reply that has yet to come are not, so a
// purge of a group may concern every such reply of the same upstream and authority (a home), and no
// other.
//
// The ledger is bounded. To remember one scope more, it forgets the scope whose latest purge is the
// oldest, and takes everything older than that purge for purged from then on. If it forgets a
// group, that holds only for replies of the group's upstream: writes to one upstream, however many,
// never make replies of another look old.
//
// Threads: none of its own; it belongs to a shard and is used under the shard's lock.

#ifndef SINGLEFLIGHT_SERVER_CACHE_PURGE_LEDGER_H_
#define SINGLEFLIGHT_SERVER_CACHE_PURGE_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "server/cache/scope.h"

namespace singleflight::cache {

class PurgeLedger {
 public:
  explicit PurgeLedger(size_t capacity = 4096) : capacity_(capacity) {}

  void Record(const Scope& scope, uint64_t number);

  // The number of the latest purge that concerned `scope` by itself or as part of everything; 0:
  // there was none.
  uint64_t LatestOf(const Scope& scope) const;

  // The same of any group that has its home there.
  uint64_t LatestOfAnyGroup(const Home& home) const;

  // Scopes and purges that are remembered, for tests of the bound.
  size_t scopes() const { return numbers_.size(); }
  size_t purges() const { return oldest_first_.size(); }

 private:
  struct Purge {
    uint64_t id;
    uint64_t number;
    uint64_t upstream;  // of a group, or of all groups of a home; 0: of neither
  };

  void Note(const Purge& purge);
  void Trim();
  bool Outdated(const Purge& purge) const;
  uint64_t& FloorOf(uint64_t upstream);
  uint64_t Latest(uint64_t id, uint64_t upstream) const;

  const size_t capacity_;
  uint64_t floor_ = 0;                              // for everything: it was purged, or forgotten
  absl::flat_hash_map<uint64_t, uint64_t> floors_;  // for replies in groups, by upstream
  absl::flat_hash_map<uint64_t, uint64_t> numbers_;
  std::deque<Purge> oldest_first_;  // some are outdated: the scope was purged again
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_PURGE_LEDGER_H_
