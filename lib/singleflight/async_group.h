// Sharing work that ends by a callback: for event loops, and what JoinFuture and CoJoin stand on.

#ifndef SINGLEFLIGHT_ASYNC_GROUP_H_
#define SINGLEFLIGHT_ASYNC_GROUP_H_

#include "singleflight/internal/cxx20.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/hash/hash.h"
#include "singleflight/async_waiter.h"
#include "singleflight/internal/async_shard.h"
#include "singleflight/internal/check.h"
#include "singleflight/internal/requirements.h"
#include "singleflight/internal/sharded.h"
#include "singleflight/join_limits.h"
#include "singleflight/role.h"

namespace singleflight {

// What becomes of a flight that nobody waits for any more.
enum class OnLast {
  kRetire,  // nobody can join it from here on: for work that is going to be cancelled
  kKeep,    // newcomers may join until it lands: for work that goes on
};

// AsyncGroup shares work that ends by a callback: at most one flight per key can be joined at a
// time, and callers that ask meanwhile wait for its result. It runs nothing itself.
//
//   struct Call : Flights::Waiter { void OnLanded(const Reply* reply) override { ... } };
//
//   auto joined = flights.Join(key, call, now);
//   if (joined.landing) StartUpstream(std::move(joined.landing));      // this caller leads
//   ...
//   landing.Land(reply);                                               // from any thread
//
// Threads: every method of the group from any thread; each Landing, list and waiter from one
// thread at a time. A landing retires the key and takes the waiters in one critical section: a
// caller that joins after it never gets its result; one that joined before, and stays, always does.
// Ownership: waiters belong to their callers (async_waiter.h). The group must outlive its landings
// and the lists they gave out; destroying it with a flight in the air stops the program.
// Gathering: whoever must not get a result that is older than its call uses Gather in place of
// Join. It is never aboard a flight that was started before it came. While one of its key is in the
// air, newcomers gather in a second one, which has its turn when the first lands. Its leader has
// the duty to wait for that (Landing::AwaitTurn) and to start it after a while all the same
// (Landing::Start). At most one flight per key gathers newcomers.
// Callbacks: OnLanded, exactly once for each waiter that does not leave, without a lock. `Hash` is
// called once per Join, Gather and Forget; `Eq` under a lock, so it must not use the group.
// Time: an argument; the group never reads a clock.
// Memory: flights are pooled, so in the steady state neither leader nor follower allocates. A key
// that was moved in dies at the landing; the storage of one that was copied is kept for the next.
// Errors: Join and Gather throw what copying the key throws, and std::bad_alloc; then nobody has
// joined, and a flight that was there goes on as it was. These and Leave throw what copying a
// Context throws; then nobody has joined or left. Nothing else throws, and making, moving and
// destroying a Context must not.
template <typename Key, typename Result, typename Context = std::monostate,
          typename Hash = absl::Hash<Key>, typename Eq = std::equal_to<Key>>
class AsyncGroup {
  static_assert(internal::RequireKey<Key, Hash, Eq>());
  static_assert(std::is_object_v<Result>,
                "singleflight: the result is a value, and not void or a reference");

  using Shard = internal::AsyncShard<Key, Result, Context>;
  using Flight = typename Shard::Flight;

 public:
  using KeyType = Key;
  using ResultType = Result;
  using ContextType = Context;
  using TimePoint = std::chrono::steady_clock::time_point;
  using Waiter = AsyncWaiter<Result>;
  using WaiterList = AsyncWaiterList<Result>;
  using JoinLimits = singleflight::JoinLimits;
  using OnLast = singleflight::OnLast;

  class Landing;

  struct Joined {
    Role role;
    Landing landing;  // engaged for the leader, empty for followers
    size_t waiting;   // how many were aboard then, this caller included; 0: it has not joined

    // For the first follower of another party than the leader's: the flight's, with which it tells
    // the code that does the work (JoinLimits::party, Landing::widened); otherwise empty.
    Context widened;
  };

  struct Left {
    enum class Outcome {
      kLeft,          // OnLanded will not be called; others are still aboard
      kLeftLast,      // the same, and nobody is aboard: cancel the work, or let it go on
      kAlreadyTaken,  // a landing was faster: OnLanded is coming, stay alive until then
    };
    Outcome outcome;
    Context context;  // of the flight, for kLeftLast; otherwise empty
  };

  // `shards` is rounded up to a power of two. More of them cost memory and let more threads join
  // different keys at the same moment.
  explicit AsyncGroup(size_t shards = 64, Hash hash = Hash(), Eq eq = Eq())
      : eq_(std::move(eq)), shards_(shards, std::move(hash)) {
    for (size_t i = 0; i < shards_.count(); ++i) shards_[i].set_index(static_cast<uint32_t>(i));
  }

  // Joins the flight of `key`, or starts it. The waiter must not be aboard a flight. The key is
  // consumed only when leading; give an lvalue to keep it, and the flight copies it.
  [[nodiscard]] Joined Join(Key&& key, Waiter& waiter, TimePoint now,
                            const JoinLimits& limits = {}) {
    return DoJoin<false>(std::move(key), waiter, now, limits);
  }
  [[nodiscard]] Joined Join(const Key& key, Waiter& waiter, TimePoint now,
                            const JoinLimits& limits = {}) {
    return DoJoin<false>(key, waiter, now, limits);
  }

  // Joins the flight of `key` that gathers, or leads one. That one gathers, too, if a flight of
  // `key` is in the air that was started within max_join_age and nobody gathers behind it.
  // Otherwise it is started: nothing is in the air, or the one there was started longer ago, or the
  // one that gathers is full. Call Landing::AwaitTurn first of all, which says which. One that
  // gathers takes newcomers for twice max_join_age: its owner, who is to start it within once, may
  // be late.
  [[nodiscard]] Joined Gather(Key&& key, Waiter& waiter, TimePoint now,
                              const JoinLimits& limits = {}) {
    return DoJoin<true>(std::move(key), waiter, now, limits);
  }
  [[nodiscard]] Joined Gather(const Key& key, Waiter& waiter, TimePoint now,
                              const JoinLimits& limits = {}) {
    return DoJoin<true>(key, waiter, now, limits);
  }

  // For a waiter that may not lead: joins the flight of `key` where there is one that it may join.
  [[nodiscard]] Joined Follow(const Key& key, Waiter& waiter, TimePoint now,
                              const JoinLimits& limits = {}) {
    return DoFollow(key, waiter, now, limits, false);
  }

  // The same, where that one gathers.
  [[nodiscard]] Joined FollowGathering(const Key& key, Waiter& waiter, TimePoint now,
                                       const JoinLimits& limits = {}) {
    return DoFollow(key, waiter, now, limits, true);
  }

  // Stops waiting. For the thread that the waiter belongs to.
  Left Leave(Waiter& waiter, OnLast on_last);

  // Makes later callers start a new flight; those aboard are still served. False when there was no
  // flight to join.
  bool Forget(const Key& key) {
    const size_t hash = shards_.HashOf(key);
    return shards_.Of(hash).Forget(hash, key, eq_);
  }

  // Flights that have not landed, whether they gather or are in the air, those that take no
  // newcomers included, and waiters aboard them. Each shard is counted at a different instant.
  size_t flights() const { return shards_.flights(); }
  size_t waiting() const { return shards_.waiting(); }

  // What newcomers find at a moment: a flight's context, empty until it is set; how many are
  // aboard; when it started, or began to gather. In front of one that gathers stands the one that
  // it waits for.
  using Joinable = typename Shard::Joinable;

  // Calls `see(joinable)` for every flight that newcomers find. For people who want to see what is
  // in the air: `see` is called without a lock, and each shard is looked at at a different instant.
  template <typename See>
  void ForEachJoinable(const See& see) const {
    for (size_t i = 0; i < shards_.count(); ++i) {
      for (const Joinable& joinable : shards_[i].AllJoinable()) see(joinable);
    }
  }

 private:
  template <bool kBeforeStart, typename K>
  Joined DoJoin(K&& key, Waiter& waiter, TimePoint now, const JoinLimits& limits);
  Joined DoFollow(const Key& key, Waiter& waiter, TimePoint now, const JoinLimits& limits,
                  bool before_start);

  const Eq eq_;
  const internal::Sharded<Shard, Hash> shards_;
};

// Landing is the duty to end a flight; its leader gets it and may pass it on. Destroyed unfinished,
// it lands null for everyone aboard, so that nobody waits for ever.
//
// Threads: any, one at a time.
template <typename Key, typename Result, typename Context, typename Hash, typename Eq>
class [[nodiscard]] AsyncGroup<Key, Result, Context, Hash, Eq>::Landing {
 public:
  Landing() = default;
  Landing(Landing&& other) noexcept : flight_(std::exchange(other.flight_, nullptr)) {}
  Landing& operator=(Landing&& other) noexcept {
    Landing discharged(std::move(*this));
    flight_ = std::exchange(other.flight_, nullptr);
    return *this;
  }
  ~Landing() {
    if (flight_ != nullptr) Deliver(nullptr);
  }

  // Whether there is a flight to land. All below requires it, and Land and Take end it.
  explicit operator bool() const { return flight_ != nullptr; }

  // For Gather. Sets the context, as set_context does. Nothing: this flight is started; begin its
  // work. A time: another flight is in the air since then; wait. When that one has landed, on its
  // thread, without a lock, and at most once, `tell` is called with a copy of the context; it must
  // not throw. It comes late where you call Start, Land or Take meanwhile, and the context has to
  // bear that. It may come before this returns.
  std::optional<TimePoint> AwaitTurn(Context context, TimePoint now, void (*tell)(const Context&)) {
    static_assert(std::is_nothrow_copy_assignable_v<Context>,
                  "singleflight: to gather, the context has to be copied without an exception");
    return flight_->shard.AwaitTurn(*flight_, context, now, tell);
  }

  // Ends the gathering: newcomers do not join this flight from here on. For when its turn has come,
  // or before, if the flight ahead takes too long; call it before the work begins. False: everyone
  // has left and nobody can join it, so nobody needs the work.
  bool Start(TimePoint now) { return flight_->shard.Start(*flight_, now); }

  // Whether it has not been started.
  bool gathers() const { return flight_->shard.gathers(*flight_); }

  // Retires the key, takes the waiters and calls OnLanded for each, in order of arrival.
  void Land(const Result& result) noexcept { Deliver(&result); }

  // Retires the key and hands over the waiters: the caller owes each of them OnLanded.
  WaiterList Take() {
    internal::Check(flight_ != nullptr, "a flight was landed twice");
    Flight& flight = *std::exchange(flight_, nullptr);
    return flight.shard.Take(flight);
  }

  // Sets what Leave gives to the one that leaves last: the means to cancel the work, cheap to copy,
  // such as a shared_ptr. False when everyone has left already, so nobody will cancel but you.
  bool set_context(Context context) { return flight_->shard.SwapContext(*flight_, context); }

  const Key& key() const { return *flight_->key; }

  // How many are aboard.
  size_t waiting() const { return flight_->shard.waiting(*flight_); }

  // Whether somebody of another party than the leader's has joined.
  bool widened() const { return flight_->shard.widened(*flight_); }

  // True once newcomers start another flight instead of joining this one: it was too old or too
  // full for one, forgotten, or retired by its last waiter, or the one behind it was started.
  bool superseded() const { return !flight_->shard.joinable(*flight_); }

 private:
  friend class AsyncGroup;
  explicit Landing(Flight* flight) : flight_(flight) {}

  void Deliver(const Result* result) noexcept {
    WaiterList taken = Take();
    while (Waiter* waiter = taken.Pop()) waiter->OnLanded(result);
  }

  Flight* flight_ = nullptr;
};

template <typename Key, typename Result, typename Context, typename Hash, typename Eq>
template <bool kBeforeStart, typename K>
auto AsyncGroup<Key, Result, Context, Hash, Eq>::DoJoin(K&& key, Waiter& waiter, TimePoint now,
                                                        const JoinLimits& limits) -> Joined {
  internal::Check(!waiter.aboard(), "a waiter joined while aboard a flight");
  const size_t hash = shards_.HashOf(key);
  Shard& shard = shards_.Of(hash);
  Context widened{};
  const typename Shard::Newcomer newcomer{waiter, hash, now, limits, widened, kBeforeStart};
  std::unique_ptr<Flight> spare;
  size_t aboard = shard.Follow(newcomer, key, eq_, spare);
  if (aboard != 0) return {Role::kFollower, Landing(), aboard, std::move(widened)};

  spare->SetKey(std::forward<K>(key));
  Flight* const led = shard.Lead(newcomer, eq_, spare, aboard);
  if (led != nullptr) return {Role::kLeader, Landing(led), aboard, Context()};
  shard.Recycle(std::move(spare));
  return {Role::kFollower, Landing(), aboard, std::move(widened)};
}

template <typename Key, typename Result, typename Context, typename Hash, typename Eq>
auto AsyncGroup<Key, Result, Context, Hash, Eq>::DoFollow(const Key& key, Waiter& waiter,
                                                          TimePoint now, const JoinLimits& limits,
                                                          bool before_start) -> Joined {
  internal::Check(!waiter.aboard(), "a waiter joined while aboard a flight");
  const size_t hash = shards_.HashOf(key);
  Shard& shard = shards_.Of(hash);
  std::unique_ptr<Flight> spare;
  Context widened{};
  const size_t aboard =
      shard.Follow({waiter, hash, now, limits, widened, before_start}, key, eq_, spare);
  if (spare != nullptr) shard.Recycle(std::move(spare));
  return {Role::kFollower, Landing(), aboard, std::move(widened)};
}

template <typename Key, typename Result, typename Context, typename Hash, typename Eq>
auto AsyncGroup<Key, Result, Context, Hash, Eq>::Leave(Waiter& waiter, OnLast on_last) -> Left {
  Left left{};
  switch (shards_[waiter.shard_].Leave(waiter, on_last == OnLast::kRetire, left.context)) {
    case Shard::Exit::kLeft:
      left.outcome = Left::Outcome::kLeft;
      break;
    case Shard::Exit::kLeftLast:
      left.outcome = Left::Outcome::kLeftLast;
      break;
    case Shard::Exit::kAlreadyTaken:
      left.outcome = Left::Outcome::kAlreadyTaken;
      break;
  }
  return left;
}

}  // namespace singleflight

#endif  // SINGLEFLIGHT_ASYNC_GROUP_H_
