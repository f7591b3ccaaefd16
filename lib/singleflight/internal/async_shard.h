// One mutex's part of an AsyncGroup.

#ifndef SINGLEFLIGHT_INTERNAL_ASYNC_SHARD_H_
#define SINGLEFLIGHT_INTERNAL_ASYNC_SHARD_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "singleflight/async_waiter.h"
#include "singleflight/internal/async_flight.h"
#include "singleflight/internal/buckets.h"
#include "singleflight/internal/check.h"
#include "singleflight/join_limits.h"
#include "singleflight/mutex.h"
#include "singleflight/role.h"

namespace singleflight::internal {

// AsyncShard is the part of an AsyncGroup whose keys fall to one mutex.
//
// A flight passes through four states: spare (in the pool, or filled by a would-be leader; nobody
// else sees it), joinable (found by newcomers), withdrawn (superseded, forgotten or retired by its
// last waiter: no newcomer finds it, it is still owed to those aboard), landed (its waiters are in
// a list, which they may not yet have been popped from). After that it is spare again.
//
// A flight that gathers has not been started. It stands behind the flight that it waits for, and
// newcomers find it by that one, which is in the table. When the one ahead is gone from the table,
// the one behind takes its place there. It is told its turn when the one ahead lands. A flight that
// gathers has none behind it: whoever cannot join it leads a flight that need not wait.
//
//     table -> ahead (started) -> behind (gathers)
//
// Only the table leads a newcomer to a flight, and only under the lock, so a flight that is out of
// the table cannot be joined by accident, and one that is reused cannot be mistaken for its past.
// A waiter that leaves looks at its flight under the lock as well: `waiter.flight_` is not null, so
// recycling, which begins by taking the same lock after its list has cleared that pointer in every
// waiter, is yet to come, and `landed` still tells the truth. That is what spares the landing a
// walk over all waiters.
//
// No code of a user runs under the lock, except the comparison of keys and the copying of a
// Context by Leave, Follow and Take: keys and contexts are filled in, and destroyed, outside.
template <typename Key, typename Result, typename Context>
class alignas(64) AsyncShard {
 public:
  using Waiter = AsyncWaiter<Result>;
  using TimePoint = std::chrono::steady_clock::time_point;

  using Flight = AsyncFlight<Key, Result, Context>;

  // A flight that has landed goes back to the pool whatever happens.
  static_assert(std::is_nothrow_default_constructible_v<Context> &&
                    std::is_nothrow_move_assignable_v<Context>,
                "making and moving a Context must not throw");

  using Newcomer = AsyncNewcomer<Result, Context>;
  using Turn = AsyncTurn<Context>;

  // A flight that newcomers find, as it is at a moment.
  struct Joinable {
    Context context;
    size_t waiting;
    TimePoint started;
  };

  enum class Exit { kLeft, kLeftLast, kAlreadyTaken };

  AsyncShard() { pool_.reserve(kMaxPooled); }
  ~AsyncShard() {
    Check(unrecycled_ == 0, "a group was destroyed with a flight in the air or a list not emptied");
  }

  void set_index(uint32_t index) { index_ = index; }

  // Joins the flight of `key` and returns how many are aboard, or returns 0 and a spare flight to
  // fill and to Lead with.
  template <typename Eq>
  size_t Follow(const Newcomer& newcomer, const Key& key, const Eq& eq,
                std::unique_ptr<Flight>& spare) {
    {
      MutexLock lock(mu_);
      Flight* const flight = OpenTo(newcomer, Find(newcomer.hash, key, eq));
      if (flight != nullptr) return BoardAsFollower(*flight, newcomer);
      if (!pool_.empty()) {
        spare = std::move(pool_.back());
        pool_.pop_back();
        return 0;
      }
    }
    spare = std::make_unique<Flight>(*this);
    return 0;
  }

  // Starts the flight that `spare` has been filled for, or has it gather, and returns it. If it is
  // started, it supersedes any that the newcomer may not join. Null if someone else was faster and
  // the newcomer has followed.
  template <typename Eq>
  Flight* Lead(const Newcomer& newcomer, const Eq& eq, std::unique_ptr<Flight>& spare,
               size_t& aboard) {
    MutexLock lock(mu_);
    Flight* const rival = Find(newcomer.hash, *spare->key, eq);
    if (Flight* const open = OpenTo(newcomer, rival)) {
      aboard = BoardAsFollower(*open, newcomer);
      return nullptr;
    }
    spare->hash = newcomer.hash;
    spare->started = newcomer.now;
    spare->generation = newcomer.limits.generation;
    spare->party = newcomer.limits.party;
    spare->widened = false;
    spare->ahead = spare->behind = nullptr;
    spare->tell_turn = nullptr;
    spare->gathers = rival != nullptr && MayGatherBehind(*rival, newcomer);
    if (spare->gathers) {
      spare->ahead = rival;
      rival->behind = spare.get();
    } else {
      table_.Insert(spare.get());  // throws, or has done its work
      if (rival != nullptr) Supersede(*rival);
    }
    spare->joinable = true;
    ++flights_;
    ++unrecycled_;
    aboard = Board(*spare, newcomer.waiter, Role::kLeader);
    return spare.release();
  }

  // Sets the context of a flight, and whom to tell its turn. When the flight ahead was started, or
  // nothing: it has its turn, and is started.
  std::optional<TimePoint> AwaitTurn(Flight& flight, Context& context, TimePoint now,
                                     void (*tell)(const Context&)) {
    MutexLock lock(mu_);
    std::swap(flight.context, context);
    if (flight.ahead != nullptr) {
      flight.tell_turn = tell;
      return flight.ahead->started;
    }
    if (flight.gathers) MarkStarted(flight, now);
    return std::nullopt;
  }

  // Ends the gathering, if the flight does. False when nobody is aboard and nobody can join it.
  bool Start(Flight& flight, TimePoint now) {
    MutexLock lock(mu_);
    if (flight.gathers) {
      Flight* const ahead = flight.ahead;
      Part(flight);
      if (flight.joinable && ahead != nullptr && ahead->joinable) {
        Withdraw(*ahead);
        table_.Insert(&flight);  // in its place, so the table does not grow
      }
      MarkStarted(flight, now);
    }
    return flight.waiting != 0 || flight.joinable;
  }

  // Retires the flight's key and takes its waiters: the landing. The one behind has its turn.
  AsyncWaiterList<Result> Take(Flight& flight) {
    AsyncWaiterList<Result> taken;
    Turn turn;
    {
      MutexLock lock(mu_);
      if (flight.ahead == nullptr && flight.behind == nullptr) {
        Hide(flight);
      } else {
        LeaveLine(flight, turn);
      }
      flight.landed = true;
      --flights_;
      waiting_ -= flight.waiting;
      taken.first_ = std::exchange(flight.first, nullptr);
      taken.last_ = std::exchange(flight.last, nullptr);
      taken.size_ = std::exchange(flight.waiting, 0);
    }
    if (taken.empty()) {
      flight.Recycle();
    } else {
      taken.flight_ = &flight;
    }
    if (turn.tell != nullptr) turn.tell(turn.context);
    return taken;
  }

  // Lets the waiter go. The last one gets the flight's context; if `withdraw`, nobody can join the
  // flight any more.
  Exit Leave(Waiter& waiter, bool withdraw, Context& context) {
    MutexLock lock(mu_);
    Flight* const flight = static_cast<Flight*>(waiter.flight_.load(std::memory_order_relaxed));
    if (flight == nullptr || flight->landed) return Exit::kAlreadyTaken;
    const bool last = flight->waiting == 1;
    if (last) context = flight->context;  // before anything changes: the copy may throw
    Unboard(*flight, waiter);
    if (!last) return Exit::kLeft;
    if (withdraw) {
      Withdraw(*flight);
      Part(*flight);
    }
    return Exit::kLeftLast;
  }

  template <typename Eq>
  bool Forget(size_t hash, const Key& key, const Eq& eq) {
    MutexLock lock(mu_);
    Flight* const flight = Find(hash, key, eq);
    if (flight != nullptr) Supersede(*flight);
    return flight != nullptr;
  }

  // The old context comes back in `context`, to be destroyed outside the lock. False when nobody
  // is aboard.
  bool SwapContext(Flight& flight, Context& context) {
    MutexLock lock(mu_);
    std::swap(flight.context, context);
    return flight.waiting != 0;
  }

  bool widened(const Flight& flight) const {
    MutexLock lock(mu_);
    return flight.widened;
  }
  bool gathers(const Flight& flight) const {
    MutexLock lock(mu_);
    return flight.gathers;
  }
  bool joinable(const Flight& flight) const {
    MutexLock lock(mu_);
    return flight.joinable;
  }
  size_t waiting(const Flight& flight) const {
    MutexLock lock(mu_);
    return flight.waiting;
  }
  size_t flights() const {
    MutexLock lock(mu_);
    return flights_;
  }
  size_t waiting() const {
    MutexLock lock(mu_);
    return waiting_;
  }

  std::vector<Joinable> AllJoinable() const {
    std::vector<Joinable> all;
    all.reserve(flights());
    MutexLock lock(mu_);
    table_.ForEach([&all](const Flight& found) {
      for (const Flight* flight = &found; flight != nullptr; flight = flight->behind) {
        all.push_back({flight->context, flight->waiting, flight->started});
      }
    });
    return all;
  }

  // Takes back a flight that nobody can reach.
  void Recycle(std::unique_ptr<Flight> flight) {
    flight->Clean();
    MutexLock lock(mu_);
    if (std::exchange(flight->landed, false)) --unrecycled_;
    if (pool_.size() < kMaxPooled) pool_.push_back(std::move(flight));
    // Otherwise the parameter dies after the lock: it was constructed before.
  }

 private:
  // Flights kept for reuse, enough for the ups and downs of a steady load.
  static constexpr size_t kMaxPooled = 64;

  template <typename Eq>
  Flight* Find(size_t hash, const Key& key, const Eq& eq) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return table_.Find(hash, [&](const Flight& flight) { return eq(*flight.key, key); });
  }

  // What the newcomer may join of what was found in the table; null: nothing.
  Flight* OpenTo(const Newcomer& newcomer, Flight* found) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    while (found != nullptr && !MayJoin(*found, newcomer)) found = found->behind;
    return found;
  }

  // What gathers is older than no invalidation, as its work has not begun. Its owner is to start it
  // within max_join_age and may be late, but holds up nobody for ever.
  bool MayJoin(const Flight& flight, const Newcomer& newcomer) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const JoinLimits& limits = newcomer.limits;
    if (flight.waiting >= limits.max_waiters) return false;
    if (flight.gathers) return (newcomer.now - flight.started) / 2 <= limits.max_join_age;
    return !newcomer.before_start && IsRecent(flight, newcomer) &&
           flight.generation >= limits.min_generation;
  }

  bool IsRecent(const Flight& flight, const Newcomer& newcomer) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return newcomer.now - flight.started <= newcomer.limits.max_join_age;
  }

  bool MayGatherBehind(const Flight& rival, const Newcomer& newcomer) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return newcomer.before_start && !rival.gathers && rival.behind == nullptr &&
           IsRecent(rival, newcomer);
  }

  // By identity: a successor of the same key stays.
  void Hide(Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (std::exchange(flight.joinable, false)) table_.Erase(&flight);
  }

  // Hides a flight, whose place one behind it takes.
  void Withdraw(Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (flight.ahead != nullptr && flight.ahead->joinable) {
      flight.joinable = false;  // found by that one until now
      return;
    }
    const bool was_found = flight.joinable;
    Hide(flight);
    if (was_found && flight.behind != nullptr) table_.Insert(flight.behind);  // it does not grow
  }

  // A flight lands that waits for another one, or that one waits for.
  [[gnu::noinline]] void LeaveLine(Flight& flight, Turn& turn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Withdraw(flight);
    Part(flight);
    if (flight.behind != nullptr) TakeTurn(*flight.behind, turn);
  }

  // Hides a flight and the one behind it, which goes on to wait for its turn.
  void Supersede(Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (flight.behind != nullptr) flight.behind->joinable = false;
    Hide(flight);
  }

  // It waits for none any more.
  void Part(Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Flight* const ahead = std::exchange(flight.ahead, nullptr);
    if (ahead != nullptr) ahead->behind = nullptr;
  }

  void MarkStarted(Flight& flight, TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    flight.gathers = false;
    flight.started = now;
  }

  // Context may be copied where there is a way to tell (AwaitTurn).
  void TakeTurn(Flight& flight, Turn& turn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Part(flight);
    turn.tell = flight.tell_turn;
    if constexpr (std::is_nothrow_copy_assignable_v<Context>) turn.context = flight.context;
  }

  size_t Board(Flight& flight, Waiter& waiter, Role role) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    waiter.role_ = role;
    waiter.shard_ = index_;
    waiter.flight_.store(&flight, std::memory_order_relaxed);
    waiter.next_ = nullptr;
    waiter.previous_ = flight.last;
    (flight.last == nullptr ? flight.first : flight.last->next_) = &waiter;
    flight.last = &waiter;
    ++waiting_;
    return ++flight.waiting;
  }

  size_t BoardAsFollower(Flight& flight, const Newcomer& newcomer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (newcomer.limits.party != flight.party && !flight.widened) {
      newcomer.widened = flight.context;  // before anything changes: the copy may throw
      flight.widened = true;
    }
    return Board(flight, newcomer.waiter, Role::kFollower);
  }

  void Unboard(Flight& flight, Waiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    (waiter.previous_ == nullptr ? flight.first : waiter.previous_->next_) = waiter.next_;
    (waiter.next_ == nullptr ? flight.last : waiter.next_->previous_) = waiter.previous_;
    waiter.flight_.store(nullptr, std::memory_order_relaxed);
    --waiting_;
    --flight.waiting;
  }

  uint32_t index_ = 0;

  mutable Mutex mu_;
  Buckets<Flight> table_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Flight>> pool_ ABSL_GUARDED_BY(mu_);
  size_t flights_ ABSL_GUARDED_BY(mu_) = 0;
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
  size_t unrecycled_ ABSL_GUARDED_BY(mu_) = 0;
};

template <typename Key, typename Result, typename Context>
void AsyncFlight<Key, Result, Context>::Recycle() {
  shard.Recycle(std::unique_ptr<AsyncFlight>(this));
}

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_ASYNC_SHARD_H_
