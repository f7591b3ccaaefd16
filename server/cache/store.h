// Replies that are kept for a while: bounded in bytes, sharded by key.
//
// A caller that asks after a purge has returned gets nothing that was asked of upstream before that
// purge. shard.cc tells how numbers see to this.
//
// Threads: every method, from any.
// Memory: a look-up allocates nothing. An evicted reply lives on until the last caller that is
// being sent it has it.

#ifndef SINGLEFLIGHT_SERVER_CACHE_STORE_H_
#define SINGLEFLIGHT_SERVER_CACHE_STORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "server/cache/census.h"
#include "server/cache/entry.h"
#include "server/cache/freshness.h"
#include "server/cache/request_control.h"
#include "server/metrics/visitor.h"

namespace singleflight::cache {

class Shard;

// `cache:` at the top of the configuration.
struct StoreOptions {
  uint64_t max_bytes = 256u << 20;      // of everything that is kept, bookkeeping included
  uint64_t max_entry_bytes = 1u << 20;  // a larger reply is shared, but not kept
};

// What a look-up found.
struct Found {
  model::Reply reply;                               // none: nothing is there that may be served
  Lifespan lifespan;                                // over, if the reply is stale
  wire::StatusCode status = wire::StatusCode::kOk;  // of the reply

  // What few entries have: others have none of it.
  bool extended = false;
  bool served_stale = false;          // while somebody refreshes it
  bool refreshable = false;           // likewise, and nobody does
  base::Instant::duration took = {};  // Extension::took

  // Without a reply: the number of the latest purge that concerns the key, or may concern it. A
  // flight's groups are known only when it lands, so a purge of any group of its upstream and
  // authority may. A flight that began before that purge may not be joined.
  uint64_t purged = 0;
};

// The right to store one flight's reply, taken before its call is sent. Purges void it by having a
// greater number.
struct Fill {
  uint64_t number = 0;
};

class Store {
 public:
  explicit Store(const StoreOptions& options);
  ~Store();

  // `origin` is where a reply to `key` comes from.
  Found Find(const model::Key& key, const Origin& origin, base::Instant now);

  // The same for a caller that says what it takes.
  Found FindFor(const RequestControl& control, const model::Key& key, const Origin& origin,
                base::Instant now);

  // The right to refresh the entry of a key until `until`. False: somebody else has it, or the
  // entry is not one that is refreshed. Who has it and got nothing that is kept gives it up:
  // `pause` is when the next one may try.
  bool BeginRefresh(const model::Key& key, base::Instant now, base::Instant until);
  void GiveUpRefresh(const model::Key& key, base::Instant until, base::Instant pause);

  // The entry of a key whose flight has failed, if it may be served because of that.
  Found FindAfterFailure(const model::Key& key, base::Instant now);

  // Upstream has said something later, which is not kept: what it said before `fill` goes.
  void Drop(const model::Key& key, Fill fill);

  // Found::purged alone, for routes that keep nothing.
  uint64_t PurgedAt(const model::Key& key, const Origin& origin) const;

  // The latest number: what happened before this call has it or a smaller one.
  uint64_t sequence() const { return sequence_.load(std::memory_order_acquire); }
  Fill BeginFill() { return {NextNumber()}; }

  // Keeps a copy of `reply`, in the place of an older one. Nothing: it is kept; otherwise why not.
  absl::optional<Refusal> Put(const model::Key& key, const model::Reply& reply,
                              const Lifespan& lifespan, const Labels& labels, Fill fill,
                              const Extension& extension = {});

  // Drops the entries in `scopes` and voids the fills for such entries. Returns how many entries
  // went. If all scopes are groups, it takes time in proportion to their entries; if there is one,
  // a key, it looks at the entries of one shard; otherwise at all entries. `number`: gets the
  // purge's own.
  size_t Purge(absl::Span<const Scope> scopes, uint64_t* number = nullptr);
  size_t Purge(const Scope& scope, uint64_t* number = nullptr) {
    return Purge(absl::MakeConstSpan(&scope, 1), number);
  }

  // Each shard is counted at a different instant.
  Census TakeCensus() const;

  // For tests: whether what is kept is what is indexed. Takes a look at every entry.
  bool IsSound() const;

  void Show(metrics::Visitor& visitor) const;

 private:
  Shard& ShardOf(uint64_t hash) const;
  uint64_t NextNumber() { return sequence_.fetch_add(1, std::memory_order_acq_rel) + 1; }

  const StoreOptions options_;
  std::vector<std::unique_ptr<Shard>> shards_;  // as many as a power of two
  std::atomic<uint64_t> sequence_{0};
  std::atomic<bool> ever_purged_{false};
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_STORE_H_
