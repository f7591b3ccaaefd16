#ifndef SINGLEFLIGHT_SERVER_CACHE_PURGE_LEDGER_H_
#define SINGLEFLIGHT_SERVER_CACHE_PURGE_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/cache/scope.h"

namespace singleflight::cache {

// Remembers the number of the latest purge of each scope, so that what was asked of upstream before
// a purge is known to be older than it. Bounded: to remember one more it forgets the oldest, and
// from then on takes whatever is older than that one for purged. Not synchronized.
class PurgeLedger {
 public:
  explicit PurgeLedger(size_t capacity = 1024) : capacity_(capacity) {}

  void Record(const Scope& scope, uint64_t number);

  // The number of the latest purge that concerned `scope` by itself or as part of everything; 0:
  // there was none.
  uint64_t LatestOf(const Scope& scope) const;

  // The same of any tag: whoever has no reply yet cannot know which are its tags.
  uint64_t LatestOfAnyTag() const { return latest_tag_ > floor_ ? latest_tag_ : floor_; }

 private:
  const size_t capacity_;
  uint64_t floor_ = 0;  // of everything: purged as such, or forgotten
  uint64_t latest_tag_ = 0;
  absl::flat_hash_map<uint64_t, uint64_t> numbers_;
  std::deque<std::pair<uint64_t, uint64_t>> oldest_first_;  // scope and number; some are outdated
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_PURGE_LEDGER_H_
