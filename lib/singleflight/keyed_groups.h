// Work per key, done once for all that ask meanwhile: for callers that block.

#ifndef SINGLEFLIGHT_KEYED_GROUPS_H_
#define SINGLEFLIGHT_KEYED_GROUPS_H_

#include "singleflight/internal/cxx20.h"

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/hash/hash.h"
#include "singleflight/internal/blocking_shard.h"
#include "singleflight/internal/led_flights.h"
#include "singleflight/internal/posted_work.h"
#include "singleflight/internal/requirements.h"
#include "singleflight/internal/sharded.h"
#include "singleflight/outcome.h"
#include "singleflight/role.h"
#include "singleflight/shared.h"

namespace singleflight {

// KeyedGroups runs one piece of work per key at a time and hands its result to all callers that
// asked meanwhile.
//
//   KeyedGroups<std::string, Profile> profiles;
//   Profile p = profiles.Do(user, [&] { return LoadProfile(user); }).value;
//
// A caller that finds no flight of its key leads one: it runs its work, on its own thread. A caller
// that finds one follows: it blocks, its own work is not run, and it gets a copy of the leader's
// result; let R be a std::shared_ptr<const T> where copies are dear. A caller that begins after a
// flight has landed never gets that flight's result.
//
// Threads: every method, from any thread.
// Ownership: keys are borrowed for the length of a call, so K may be a view; only DoOn copies them.
// A group is destroyed when no flight of it is in the air.
// Callbacks: work and copies of R run without a lock; `Hash` once per call; `Eq` under a lock, so
// it must not use the group.
// Time: deadlines are waited for on the steady clock, which is not read otherwise.
// Errors: an exception from the work, or std::bad_alloc from what a flight needs to begin it,
// reaches every caller of that flight, as one std::exception_ptr, and the key is free again; where
// there is no memory for the key's place in the table, there is no flight, and Do throws. One from
// copying R reaches the follower it was for. RecursiveCall if work, however deep, asks for a flight
// that its own thread is in. Cycles through several threads are not detected.
// Memory: no call allocates, except one that leads stoppable work or leads by DoOn.
template <typename K, typename R, typename Hash = absl::Hash<K>, typename Eq = std::equal_to<K>>
class KeyedGroups {
  static_assert(internal::RequireKey<K, Hash, Eq>());
  static_assert(internal::RequireSharedResult<R>());

 public:
  // `shards` is rounded up to a power of two. More of them cost memory and let more threads use
  // different keys at the same moment.
  explicit KeyedGroups(size_t shards = 64, Hash hash = Hash(), Eq eq = Eq())
      : eq_(std::move(eq)), shards_(shards, std::move(hash)) {}

  // Runs `work`, or waits for the caller that runs it. `work` takes nothing or a std::stop_token,
  // which here is never requested.
  template <typename Work>
  Shared<R> Do(const K& key, Work&& work) {
    static_assert(internal::RequireWork<Work, R>());
    return *Enter(key, work, nullptr);
  }

  // The same, but a follower leaves at `until`, with std::nullopt; the flight goes on for the
  // others. A caller whose stop has been requested before it begins does nothing.
  //
  // A leader does the work itself, so it returns when the work does, always with the result. If
  // `work` takes a std::stop_token, its stop is requested when the last caller has left, and the
  // flight takes no newcomers from then on. A leader counts as gone when its own stop is requested
  // or, there being no timer, once a follower has left at a deadline that is not earlier than
  // the leader's. Such a flight allocates its stop state.
  template <typename Work>
  std::optional<Shared<R>> Do(const K& key, Work&& work, const Until& until) {
    static_assert(internal::RequireWork<Work, R>());
    if (until.stop.stop_requested()) return std::nullopt;
    return Enter(key, work, &until);
  }

  // The same, but a leader leaves at `until` too: it gives its work to `executor`, and waits as a
  // follower does. Nobody's leaving ends the work for the others. If `work` takes a
  // std::stop_token, its stop is requested when the last caller has left, and the flight takes no
  // newcomers from then on; otherwise the work goes on and may be joined. Callers of Do and of DoOn
  // share flights.
  //
  // `executor(task)` has `task()` run, on any thread, once; inside of the call is allowed. Tasks
  // can be copied. When the last copy is gone and none has run, everyone aboard gets Unanswered.
  // What the executor throws reaches everyone aboard, unless the work has begun: then that counts.
  // An executor all of whose threads wait in DoOn for tasks of their own never runs them.
  //
  // The key and the work are kept until the task is gone: copy into the work what it uses, for its
  // caller may have left, and let no view be the key whose text goes before that. Leading allocates
  // the flight, and the stop state if `work` takes a token.
  template <typename Executor, typename Work>
  std::optional<Shared<R>> DoOn(Executor&& executor, const K& key, Work&& work, const Until& until);

  // Makes later callers start a new flight; those aboard are still served. False when there was no
  // flight to join.
  bool Forget(const K& key) {
    const size_t hash = shards_.HashOf(key);
    return shards_.Of(hash).Forget(hash, key, eq_);
  }

  // Flights in the air, forgotten ones included, and followers that wait for them. Each shard is
  // counted at a different instant.
  size_t flights() const { return shards_.flights(); }
  size_t waiting() const { return shards_.waiting(); }

 private:
  using Shard = internal::BlockingShard<K, R>;
  using Flight = typename Shard::Flight;
  using Waiter = typename Shard::Waiter;
  using Outcome = singleflight::Outcome<R>;
  using Value = typename Outcome::Value;

  template <typename Work>
  std::optional<Shared<R>> Enter(const K& key, Work& work, const Until* until) {
    const size_t hash = shards_.HashOf(key);
    Shard& shard = shards_.Of(hash);
    Flight flight(key, hash);
    std::optional<Waiter> waiter;
    switch (shard.Join(flight, waiter, eq_)) {
      case Shard::Entry::kLeads:
        return Lead(shard, flight, work, until);
      case Shard::Entry::kFollows:
        return Wait(shard, *waiter, until, Role::kFollower);
      case Shard::Entry::kRecursive:
        break;
    }
    throw RecursiveCall();
  }

  template <typename Work>
  Shared<R> Lead(Shard& shard, Flight& flight, Work& work, const Until* until) {
    // Followers that leave may ask for it until the landing.
    std::stop_source work_stop(std::nostopstate);
    Outcome outcome;
    // Whatever is thrown between joining and landing is what the flight came to: it has to land.
    try {
      RunUntil(shard, flight, work, until, work_stop, outcome.value);
    } catch (...) {
      outcome.value.reset();
      outcome.error = std::current_exception();
    }
    Waiter* const taken = shard.Land(flight);
    const size_t shared_by = flight.waiting + 1;
    Shard::Deliver(outcome, shared_by, taken);
    return Result(std::move(outcome), Role::kLeader, shared_by);
  }

  template <typename Work>
  static void RunUntil(Shard& shard, Flight& flight, Work& work, const Until* until,
                       std::stop_source& work_stop, std::optional<Value>& value) {
    if constexpr (internal::TakesNothing<Work>) {
      Run(flight, work, value);
    } else if (until == nullptr) {
      Run(
          flight, [&]() -> decltype(auto) { return work(std::stop_token()); }, value);
    } else {
      work_stop = std::stop_source();
      if (shard.MakeStoppable(flight, work_stop, until->deadline)) work_stop.request_stop();
      const auto leave = [&] {
        if (shard.LeaderLeaves(flight)) work_stop.request_stop();
      };
      const std::stop_callback on_stop(until->stop, leave);
      Run(
          flight, [&]() -> decltype(auto) { return work(work_stop.get_token()); }, value);
    }
  }

  template <typename Call>
  static void Run(Flight& flight, Call&& call, std::optional<Value>& value) {
    const internal::LedFlight::Working working(flight);
    if constexpr (std::is_void_v<R>) {
      call();
      value.emplace();
    } else {
      value.emplace(call());
    }
  }

  // Lets go of `posted`, so that it lands when the executor lets go of the task.
  template <typename Posted, typename Executor>
  static void Post(std::shared_ptr<Posted> posted, Executor& executor) {
    try {
      executor(typename Posted::Task(posted));
    } catch (...) {
      posted->Fail(std::current_exception());
    }
  }

  static std::optional<Shared<R>> Wait(Shard& shard, Waiter& waiter, const Until* until,
                                       Role role) {
    if (until == nullptr) {
      waiter.parking.Wait();
    } else if (const auto woken = waiter.parking.Wait(*until);
               woken != internal::Parking::Woken::kByWaker) {
      std::optional<std::stop_source> work_stop;
      const bool late = woken == internal::Parking::Woken::kByDeadline;
      const auto passed = late ? until->deadline : Shard::TimePoint::min();
      if (shard.Leave(waiter, passed, work_stop)) {
        if (work_stop.has_value()) work_stop->request_stop();
        return std::nullopt;
      }
      waiter.parking.Wait();
    }
    return Result(std::move(waiter.outcome), role, waiter.shared_by);
  }

  static Shared<R> Result(Outcome&& outcome, Role role, size_t shared_by) {
    if (outcome.error != nullptr) std::rethrow_exception(std::move(outcome.error));
    if constexpr (std::is_void_v<R>) {
      return {role, shared_by};
    } else {
      return {*std::move(outcome.value), role, shared_by};
    }
  }

  const Eq eq_;
  const internal::Sharded<Shard, Hash> shards_;
};

template <typename K, typename R, typename Hash, typename Eq>
template <typename Executor, typename Work>
std::optional<Shared<R>> KeyedGroups<K, R, Hash, Eq>::DoOn(Executor&& executor, const K& key,
                                                           Work&& work, const Until& until) {
  using Posted = internal::PostedWork<Shard, R, std::decay_t<Work>>;
  using Entry = typename Shard::Entry;
  static_assert(internal::RequireWork<std::decay_t<Work>, R>());
  static_assert(internal::RequireExecutor<Executor, typename Posted::Task>());
  if (until.stop.stop_requested()) return std::nullopt;
  const size_t hash = shards_.HashOf(key);
  Shard& shard = shards_.Of(hash);
  std::optional<Waiter> waiter;
  Entry entry = shard.Follow(hash, key, waiter, eq_);
  if (entry == Entry::kLeads) {
    auto posted = std::make_shared<Posted>(shard, key, hash, std::forward<Work>(work));
    entry = posted->Join(waiter, eq_);
    if (entry == Entry::kLeads) Post(std::move(posted), executor);
  }
  if (entry == Entry::kRecursive) throw RecursiveCall();
  return Wait(shard, *waiter, &until, entry == Entry::kLeads ? Role::kLeader : Role::kFollower);
}

}  // namespace singleflight

#endif  // SINGLEFLIGHT_KEYED_GROUPS_H_
