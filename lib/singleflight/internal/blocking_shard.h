// One mutex's part of a KeyedGroups.

#ifndef SINGLEFLIGHT_INTERNAL_BLOCKING_SHARD_H_
#define SINGLEFLIGHT_INTERNAL_BLOCKING_SHARD_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <stop_token>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "singleflight/internal/buckets.h"
#include "singleflight/internal/check.h"
#include "singleflight/internal/led_flights.h"
#include "singleflight/internal/parking.h"
#include "singleflight/mutex.h"
#include "singleflight/outcome.h"

namespace singleflight::internal {

// BlockingShard is the part of a KeyedGroups whose keys fall to one mutex.
//
// Nothing is allocated: a flight lives on the stack of its leader, or in a PostedWork, and a waiter
// on the stack of its caller. The table leads to flights only until they land or are withdrawn, and
// a waiter's pointer to its flight is cleared by the landing in the same critical section, so
// a thread that holds the lock and finds a flight by either way finds one that is still there.
template <typename K, typename R>
class alignas(64) BlockingShard {
 public:
  using Key = K;
  using Outcome = singleflight::Outcome<R>;
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Flight;

  // Guarded by the shard's mutex until taken; then Deliver fills it in and wakes it.
  struct Waiter {
    Flight* flight = nullptr;
    Waiter* previous = nullptr;
    Waiter* next = nullptr;
    Outcome outcome;
    size_t shared_by = 0;
    Parking parking;
  };

  struct Flight : LedFlight {
    Flight(const Key& key, size_t hash) : key(key), hash(hash) {}

    const Key& key;
    const size_t hash;

    // Guarded by the shard's mutex.
    Flight* next_in_bucket = nullptr;
    bool joinable = false;
    size_t waiting = 0;
    Waiter* first = nullptr;
    Waiter* last = nullptr;
    std::stop_source* work_stop = nullptr;  // null if the work cannot be stopped
    TimePoint leader_deadline = TimePoint::max();
    bool leader_gone = false;
    TimePoint passed = TimePoint::min();  // the latest deadline at which a follower has left
  };

  enum class Entry {
    kLeads,      // `flight` is in the table: do its work and Land it
    kFollows,    // `waiter` is made and aboard somebody else's flight: wait
    kRecursive,  // the flight to join is one whose work this thread is doing
  };

  ~BlockingShard() { Check(flights_ == 0, "a group was destroyed with a flight in the air"); }

  template <typename Eq>
  Entry Join(Flight& flight, std::optional<Waiter>& waiter, const Eq& eq) {
    MutexLock lock(mu_);
    const Entry entry = FollowLocked(flight.hash, flight.key, waiter, eq);
    if (entry == Entry::kLeads) Start(flight);
    return entry;
  }

  // The same for a flight whose work is done elsewhere: its leader waits too, as `waiter`.
  template <typename Eq>
  Entry JoinAboard(Flight& flight, std::optional<Waiter>& waiter, const Eq& eq) {
    MutexLock lock(mu_);
    const Entry entry = FollowLocked(flight.hash, flight.key, waiter, eq);
    if (entry == Entry::kLeads) {
      Start(flight);
      Board(flight, waiter.emplace());
    }
    return entry;
  }

  // For a caller that has no flight yet: kLeads says that it has to bring one.
  template <typename Eq>
  Entry Follow(size_t hash, const Key& key, std::optional<Waiter>& waiter, const Eq& eq) {
    MutexLock lock(mu_);
    return FollowLocked(hash, key, waiter, eq);
  }

  // Gives each waiter that Land has taken its copy of `outcome`, and wakes it.
  static void Deliver(const Outcome& outcome, size_t shared_by, Waiter* taken) {
    while (taken != nullptr) {
      Waiter& waiter = *std::exchange(taken, taken->next);
      waiter.shared_by = shared_by;
      waiter.outcome.error = outcome.error;
      try {
        if (outcome.value.has_value()) waiter.outcome.value.emplace(*outcome.value);
      } catch (...) {
        waiter.outcome.error = std::current_exception();
      }
      waiter.parking.Wake();
    }
  }

  // Retires the flight's key and takes its waiters, linked by `next` in order of arrival.
  Waiter* Land(Flight& flight) {
    MutexLock lock(mu_);
    Withdraw(flight);
    --flights_;
    waiting_ -= flight.waiting;
    for (Waiter* waiter = flight.first; waiter != nullptr; waiter = waiter->next) {
      waiter->flight = nullptr;
    }
    return flight.first;
  }

  // False when a landing was faster: its result is coming. When the last one leaves, the flight
  // takes no newcomers any more and `work_stop` is set: its stop is to be requested. `passed` is a
  // moment known to be in the past; from then on a leader whose deadline was no later counts as
  // gone.
  bool Leave(Waiter& waiter, TimePoint passed, std::optional<std::stop_source>& work_stop) {
    MutexLock lock(mu_);
    if (waiter.flight == nullptr) return false;
    Flight& flight = *waiter.flight;
    Unboard(flight, waiter);
    flight.passed = std::max(flight.passed, passed);
    if (flight.work_stop != nullptr && NobodyWaits(flight)) {
      Withdraw(flight);
      work_stop = *flight.work_stop;
    }
    return true;
  }

  // From here on `work_stop` is requested when the last caller leaves. True when that has happened
  // already: request it.
  bool MakeStoppable(Flight& flight, std::stop_source& work_stop, TimePoint leader_deadline) {
    MutexLock lock(mu_);
    flight.work_stop = &work_stop;
    flight.leader_deadline = leader_deadline;
    if (!NobodyWaits(flight)) return false;
    Withdraw(flight);
    return true;
  }

  // Notes that the leader waits no more. True when nobody does: request the stop of the work.
  bool LeaderLeaves(Flight& flight) {
    MutexLock lock(mu_);
    flight.leader_gone = true;
    if (flight.waiting != 0) return false;
    Withdraw(flight);
    return true;
  }

  template <typename Eq>
  bool Forget(size_t hash, const Key& key, const Eq& eq) {
    MutexLock lock(mu_);
    Flight* const flight = Find(hash, key, eq);
    if (flight != nullptr) Withdraw(*flight);
    return flight != nullptr;
  }

  size_t flights() const {
    MutexLock lock(mu_);
    return flights_;
  }
  size_t waiting() const {
    MutexLock lock(mu_);
    return waiting_;
  }

 private:
  static bool NobodyWaits(const Flight& flight) {
    return flight.waiting == 0 && (flight.leader_gone || flight.leader_deadline <= flight.passed);
  }

  template <typename Eq>
  Flight* Find(size_t hash, const Key& key, const Eq& eq) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return table_.Find(hash, [&](const Flight& flight) { return eq(flight.key, key); });
  }

  template <typename Eq>
  Entry FollowLocked(size_t hash, const Key& key, std::optional<Waiter>& waiter, const Eq& eq)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Flight* const joined = Find(hash, key, eq);
    if (joined == nullptr) return Entry::kLeads;
    if (joined->LedByThisThread()) return Entry::kRecursive;
    Board(*joined, waiter.emplace());
    return Entry::kFollows;
  }

  void Start(Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    table_.Insert(&flight);  // throws, or has done its work
    flight.joinable = true;
    ++flights_;
  }

  // By identity: a successor of the same key stays.
  void Withdraw(Flight& flight) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (std::exchange(flight.joinable, false)) table_.Erase(&flight);
  }

  void Board(Flight& flight, Waiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    waiter.flight = &flight;
    waiter.previous = flight.last;
    (flight.last == nullptr ? flight.first : flight.last->next) = &waiter;
    flight.last = &waiter;
    ++flight.waiting;
    ++waiting_;
  }

  void Unboard(Flight& flight, Waiter& waiter) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    (waiter.previous == nullptr ? flight.first : waiter.previous->next) = waiter.next;
    (waiter.next == nullptr ? flight.last : waiter.next->previous) = waiter.previous;
    waiter.flight = nullptr;
    --flight.waiting;
    --waiting_;
  }

  mutable Mutex mu_;
  Buckets<Flight> table_ ABSL_GUARDED_BY(mu_);
  size_t flights_ ABSL_GUARDED_BY(mu_) = 0;
  size_t waiting_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_BLOCKING_SHARD_H_
