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
#include "singleflight/internal/buckets.h"
#include "singleflight/internal/check.h"
#include "singleflight/join_limits.h"
#include "singleflight/mutex.h"
#include "singleflight/role.h"

namespace singleflight::internal {

// AsyncShard is the part of an AsyncGroup whose keys fall to one mutex.
//
// A flight passes through four states: spare (in the pool, or filled by a would-be leader; nobody
// else sees it), joinable (in the table), withdrawn (superseded, forgotten or retired by its last
// waiter: out of the table, still owed to those aboard), landed (its waiters are in a list, which
// they may not yet have been popped from). After that it is spare again.
//
// Only the table leads a newcomer to a flight, and only under the lock, so a flight that is out of
// the table cannot be joined by accident, and one that is reused cannot be mistaken for its past.
// A waiter that leaves looks at its flight under the lock as well: `waiter.flight_` is not null, so
// recycling, which begins by taking the same lock after its list has cleared that pointer in every
// waiter, is yet to come, and `landed` still tells the truth. That is what spares the landing a
// walk over all waiters.
//
// No code of a user runs under the lock, except the comparison of keys and the copying of a
// Context by Leave and Follow: keys and contexts are filled in, and destroyed, outside.
template <typename Key, typename Result, typename Context>
class alignas(64) AsyncShard {
 public:
  using Waiter = AsyncWaiter<Result>;
  using TimePoint = std::chrono::steady_clock::time_point;

  class Flight;

  // A flight that has landed goes back to the pool whatever happens.
  static_assert(std::is_nothrow_default_constructible_v<Context> &&
                    std::is_nothrow_move_assignable_v<Context>,
                "making and moving a Context must not throw");

  // A newcomer and its conditions.
  struct Newcomer {
    Waiter& waiter;
    size_t hash;
    TimePoint now;
    const JoinLimits& limits;
    Context& widened;  // gets the context of a flight that was one other party's until now
  };

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
      Flight* const flight = Find(newcomer.hash, key, eq);
      if (flight != nullptr && MayJoin(*flight, newcomer)) {
        return BoardAsFollower(*flight, newcomer);
      }
      if (!pool_.empty()) {
        spare = std::move(pool_.back());
        pool_.pop_back();
        return 0;
      }
    }
    spare = std::make_unique<Flight>(*this);
    return 0;
  }

  // Starts the flight that `spare` has been filled for, and returns it, superseding any that the
  // newcomer may not join. Null if someone else was faster and the newcomer has followed.
  template <typename Eq>
  Flight* Lead(const Newcomer& newcomer, const Eq& eq, std::unique_ptr<Flight>& spare,
               size_t& aboard) {
    MutexLock lock(mu_);
    Flight* const rival = Find(newcomer.hash, *spare->key, eq);
    if (rival != nullptr && MayJoin(*rival, newcomer)) {
      aboard = BoardAsFollower(*rival, newcomer);
      return nullptr;
    }
    spare->hash = newcomer.hash;
    spare->started = newcomer.now;
    spare->generation = newcomer.limits.generation;
    spare->party = newcomer.limits.party;
    spare->widened = false;
    table_.Insert(spare.get());  // throws, or has done its work
    spare->joinable = true;
    if (rival != nullptr) Withdraw(*rival);
    ++flights_;
    ++unrecycled_;
    aboard = Board(*spare, newcomer.waiter, Role::kLeader);
    return spare.release();
  }

  // Retires the flight's key and takes its waiters: the landing.
  AsyncWaiterList<Result> Take(Flight& flight) {
    AsyncWaiterList<Result> taken;
    {
      MutexLock lock(mu_);
      Withdraw(flight);
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
    if (withdraw) Withdraw(*flight);
    return Exit::kLeftLast;
  }

  template <typename Eq>
  bool Forget(size_t hash, const Key& key, const Eq& eq) {
    MutexLock lock(mu_);
    Flight* const flight = Find(hash, key, eq);
    if (flight != nullptr) Withdraw(*flight);
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
    table_.ForEach([&all](const Flight& flight) {
      all.push_back({flight.context, flight.waiting, flight.started});
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

  bool MayJoin(const Flight& flight, const Newcomer& newcomer) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const JoinLimits& limits = newcomer.limits;
    return flight.waiting < limits.max_waiters &&
           newcomer.now - flight.started <= limits.max_join_age &&
           flight.generation >= limits.min_generation;
  }

  // By identity: a successor of the same key stays.
  void Withdraw(Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (std::exchange(flight.joinable, false)) table_.Erase(&flight);
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

// Guarded by the shard's mutex, except the key, which is constant while the flight is not spare.
template <typename Key, typename Result, typename Context>
class AsyncShard<Key, Result, Context>::Flight final : public AsyncFlightBase<Result> {
 public:
  explicit Flight(AsyncShard& owner) : shard(owner) {}

  void Recycle() override { shard.Recycle(std::unique_ptr<Flight>(this)); }

  void SetKey(Key&& from) {
    key.emplace(std::move(from));
    keeps_key = false;
  }
  // Storage of an earlier key is reused.
  void SetKey(const Key& from) {
    if (key.has_value()) {
      *key = from;
    } else {
      key.emplace(from);
    }
    keeps_key = true;
  }

  // Everything but what a waiter may still look at under the lock.
  void Clean() {
    context = Context();
    if (!keeps_key) key.reset();
  }

  AsyncShard& shard;
  std::optional<Key> key;
  bool keeps_key = false;
  bool joinable = false;
  size_t hash = 0;
  Flight* next_in_bucket = nullptr;
  TimePoint started;
  uint64_t generation = 0;
  const void* party = nullptr;
  bool widened = false;  // somebody of another party has joined
  Context context{};     // a raw pointer that was never set is null
};

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_ASYNC_SHARD_H_
