// A flight of an AsyncGroup, and what goes in and out of its shard.

#ifndef SINGLEFLIGHT_INTERNAL_ASYNC_FLIGHT_H_
#define SINGLEFLIGHT_INTERNAL_ASYNC_FLIGHT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "singleflight/async_waiter.h"
#include "singleflight/join_limits.h"

namespace singleflight::internal {

// A newcomer and its conditions.
template <typename Result, typename Context>
struct AsyncNewcomer {
  AsyncWaiter<Result>& waiter;
  size_t hash;
  std::chrono::steady_clock::time_point now;
  const JoinLimits& limits;
  Context& widened;           // gets the context of a flight that was one other party's until now
  bool before_start = false;  // it may join only what gathers
};

// A flight whose turn has come because the one ahead has landed, and how to tell it.
template <typename Context>
struct AsyncTurn {
  void (*tell)(const Context&) = nullptr;  // null: there is none, or it has not said how
  Context context{};
};

// Guarded by the shard's mutex, except the key, which is constant while the flight is not spare.
template <typename Key, typename Result, typename Context>
class AsyncFlight final : public AsyncFlightBase<Result> {
 public:
  using Shard = AsyncShard<Key, Result, Context>;

  explicit AsyncFlight(Shard& owner) : shard(owner) {}

  void Recycle() override;

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

  Shard& shard;
  std::optional<Key> key;
  bool keeps_key = false;
  bool joinable = false;
  bool widened = false;  // somebody of another party has joined
  bool gathers = false;  // it has not been started
  size_t hash = 0;
  AsyncFlight* next_in_bucket = nullptr;
  std::chrono::steady_clock::time_point started;  // or since when it gathers
  uint64_t generation = 0;
  const void* party = nullptr;
  AsyncFlight* ahead = nullptr;                 // that this waits for
  AsyncFlight* behind = nullptr;                // that waits for this
  void (*tell_turn)(const Context&) = nullptr;  // null: it has not said how
  Context context{};                            // a raw pointer that was never set is null
};

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_ASYNC_FLIGHT_H_
