// A stored reply and its key. It is immutable, except for what Eviction and GroupIndex keep in it.
//
// Memory: one piece, with the reference counts, this object, and behind it all bytes.

#ifndef SINGLEFLIGHT_SERVER_CACHE_ENTRY_H_
#define SINGLEFLIGHT_SERVER_CACHE_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "server/base/timer_queue.h"
#include "server/cache/eviction.h"
#include "server/cache/group_index.h"
#include "server/cache/labels.h"
#include "server/model/key.h"
#include "server/model/reply.h"

namespace singleflight::cache {

// From when to when a reply is fresh. `born` is earlier than its arrival by the age it came with.
struct Lifespan {
  base::Instant born;
  base::Instant expires;
};

// What few entries have: with defaults only, an entry has none of it, and its bytes do not count.
struct Extension {
  wire::StatusCode status = wire::StatusCode::kOk;  // of the reply

  // Until when it is served while a new reply is fetched, and if upstream fails. Before `expires`:
  // not past that.
  base::Instant stale_while_revalidate_until = {};
  base::Instant stale_if_error_until = {};

  base::Instant::duration took = {};    // from asking upstream to having its reply
  base::Instant refreshing_until = {};  // somebody fetches a new one, or has just failed to

  friend bool operator==(const Extension&, const Extension&) = default;
};

class Entry final : public Evictable {
  struct Private {};  // for Make alone: an entry needs room behind it

 public:
  // A copy of `reply`. Key and reply have less than 4 GiB.
  static std::shared_ptr<Entry> Make(const model::Key& key, const model::Reply& reply,
                                     const Lifespan& lifespan, const Labels& labels,
                                     uint64_t number, const Extension& extension = {});

  Entry(Private, const model::Key& key, const model::Reply& reply, const Lifespan& lifespan,
        const Labels& labels, uint64_t number, const Extension& extension);
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  // Bytes that such an entry would count: all memory that it takes, with its slot in the table and
  // its groups' slots in the index.
  static size_t FootprintOf(const model::Key& key, const model::Reply& reply, size_t groups,
                            bool extended = false);

  absl::string_view key() const { return Part(KeyBegin(), key_bytes_); }
  const Lifespan& lifespan() const { return lifespan_; }
  uint64_t number() const { return number_; }
  bool extended() const { return extended_ == 1; }

  // Defaults, unless it is extended. In a store it is read and written under its shard's lock.
  Extension extension() const;
  void set_extension(const Extension& extension);

  // Its links in its shard's GroupIndex, which alone writes into them.
  absl::Span<GroupLink> groups() { return {reinterpret_cast<GroupLink*>(this + 1), groups_}; }
  absl::Span<const GroupLink> groups() const {
    return {reinterpret_cast<const GroupLink*>(this + 1), groups_};
  }

  // The reply, which keeps `self` alive.
  static model::Reply ReplyOf(const std::shared_ptr<const Entry>& self);

  // Whether a purge of one of `scopes` concerns it.
  bool MatchesAny(absl::Span<const Scope> scopes) const;

 private:
  bool Matches(const Scope& scope) const;

  // Behind this object lie the groups' links, then key, initial metadata, trailing metadata, body,
  // the span that made the reply, if there is one, and the extension, likewise.
  absl::string_view Part(size_t begin, size_t size) const {
    return {reinterpret_cast<const char*>(this + 1) + begin, size};
  }
  size_t KeyBegin() const { return groups_ * sizeof(GroupLink); }
  size_t BodyEnd() const;

  // In this order the members leave no gap, the first one closing the base's.
  uint16_t groups_ : 13;
  uint16_t encoded_ : 1;   // model::Reply
  uint16_t traced_ : 1;    // a span stands behind the body
  uint16_t extended_ : 1;  // an extension stands at the end
  uint32_t key_bytes_;
  uint32_t initial_bytes_;
  uint32_t trailing_bytes_;
  uint32_t method_;  // half of the scope's id: with more chance a purge drops more than was asked
  Lifespan lifespan_;
  uint64_t number_;  // of its fill
};

}  // namespace singleflight::cache

#endif  // SINGLEFLIGHT_SERVER_CACHE_ENTRY_H_
