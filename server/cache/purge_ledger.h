#ifndef SINGLEFLIGHT_SERVER_CACHE_PURGE_LEDGER_H_
#define SINGLEFLIGHT_SERVER_CACHE_PURGE_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "server/cache/scope.h"

namespace singleflight::cache {

// Remembers the number of the latest purge of each scope, so that what was asked of upstream before
// a purge is known to be older than it. Not synchronized.
//
// A reply that is there is asked about by its own scopes. Of one that is not there nobody knows the
// groups: a purge of a group may concern whatever comes from the same upstream and authority, and
// nothing else.
//
// Bounded: to remember one scope more it forgets the one whose latest purge is the oldest, and from
// then on takes whatever is older than that one for purged; of a group, whatever is of its
// upstream. So no number of writes to one upstream makes replies of another look old.
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
  uint64_t floor_ = 0;                              // of everything: purged as such, or forgotten
  absl::flat_hash_map<uint64_t, uint64_t> floors_;  // of what is in groups, by upstream
  absl::flat_hash_map<uint64_t, uint64_t> numbers_;
  std::deque<Purge> oldest_first_;  // some are outdated: the scope was purged again
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_PURGE_LEDGER_H_
