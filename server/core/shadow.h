// What the calls of a route with `mode: shadow` would have shared, told without sharing anything.
//
// Each call goes upstream by itself, as on a route that only relays (ShadowedUpstream). Its request
// and its reply are looked at on their way. When a request is whole, its key says what the call
// would have been: a hit, aboard another one's flight (a Party), or a leader. When its reply is
// whole, its print is compared with the leader's, or with the one that the leader's reply left in
// the store. So what is kept of a reply is its print, under the same bounds, lifetimes and purges
// as a reply.
//
// Replies of followers may come before their leader's: up to kMostEarly of them are kept until then
// (prints again). If the leader leaves, or its call fails, the first of the others is taken for it.
//
// Threads: Shadow's methods, from any.

#ifndef SINGLEFLIGHT_SERVER_CORE_SHADOW_H_
#define SINGLEFLIGHT_SERVER_CORE_SHADOW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/base/timer_queue.h"
#include "server/core/comparison.h"
#include "server/model/headers.h"
#include "server/model/request.h"
#include "singleflight/mutex.h"

namespace singleflight::core {

struct CollapseOptions;

// A reply as it is compared, and whose it is.
struct Printed {
  std::shared_ptr<const model::Headers> print;
  std::shared_ptr<const model::Request> asked;  // null: not known any more
};

class Shadow {
 public:
  static constexpr size_t kMostEarly = 64;       // replies of one party
  static constexpr size_t kMostParties = 16384;  // a call beyond goes uncounted

  // Calls that would have shared one flight.
  struct Party {
    base::Instant began;
    uint64_t purged;     // the latest purge that there was then
    size_t aboard = 1;   // those that may still be told apart by max_waiters
    bool over = false;   // the leader's reply has come, or the leader has left
    bool shared = true;  // its reply is one that may be
    Printed leader;      // null: it has not come
    std::vector<Printed> early;
    std::shared_ptr<Party> next;  // gathers behind this one: `join: before_start`
  };

  // What a call is to its party. No party: it goes uncounted.
  struct Place {
    WouldBe role = WouldBe::kAlone;
    std::shared_ptr<Party> party = nullptr;
  };

  // What of comparing there is to count.
  struct Count {
    Comparison outcome;
    uint64_t calls;
  };
  using Counts = std::vector<Count>;

  // `route`: what logs call it.
  explicit Shadow(std::string route) : route_(std::move(route)) {}

  // A call of that key that finds nothing kept, and no purge after `purged`.
  Place Board(uint64_t key, const CollapseOptions& rules, base::Instant now, uint64_t purged);

  // The leader's reply has come; no print: it never will, or is not to be shared.
  Counts Land(uint64_t key, Party& party, Printed reply, bool shared, base::Instant now);

  // A follower's has.
  Counts Compare(Party& party, Printed reply, base::Instant now);

  // A hit's has, which would have been this.
  Comparison Compare(const Printed& kept, const Printed& reply, base::Instant now);

  // In what the latest replies differed that did; empty: none have.
  std::string latest() const;

  // Calls in the air that others may still join.
  size_t parties() const;

 private:
  Comparison Judge(const Printed& a, const Printed& b, base::Instant now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Counts JudgeEarly(Party& party, base::Instant now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Retire(uint64_t key, Party& party) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Say(const std::string& line) const;

  const std::string route_;
  mutable Mutex mu_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Party>> parties_ ABSL_GUARDED_BY(mu_);
  std::string latest_ ABSL_GUARDED_BY(mu_);
  std::string to_say_ ABSL_GUARDED_BY(mu_);  // in the log, once the lock is free
  base::Instant say_again_ ABSL_GUARDED_BY(mu_) = {};
};

}  // namespace singleflight::core

#endif  // SINGLEFLIGHT_SERVER_CORE_SHADOW_H_
