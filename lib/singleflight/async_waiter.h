// A caller's place in a flight of an AsyncGroup, and lists of such places.

#ifndef SINGLEFLIGHT_ASYNC_WAITER_H_
#define SINGLEFLIGHT_ASYNC_WAITER_H_

#include "singleflight/internal/cxx20.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "singleflight/internal/check.h"
#include "singleflight/role.h"

namespace singleflight {

template <typename Result>
class AsyncWaiterList;

namespace internal {

template <typename Key, typename Result, typename Context>
class AsyncShard;

template <typename Result>
class AsyncFlightBase;

}  // namespace internal

// AsyncWaiter is one caller's place in a flight of an AsyncGroup; derive from it.
//
// Threads: belongs to its caller, which joins and leaves; OnLanded runs on the landing thread.
// Ownership: the caller's. It must stay alive from Join until OnLanded has been called or Leave has
// answered that it left; it may then join again.
template <typename Result>
class AsyncWaiter {
 public:
  AsyncWaiter() = default;
  virtual ~AsyncWaiter() {
    internal::Check(!aboard(), "a waiter was destroyed aboard a flight; it has to Leave first");
  }
  AsyncWaiter(const AsyncWaiter&) = delete;
  AsyncWaiter& operator=(const AsyncWaiter&) = delete;

  // Called once per flight, on the thread that lands it, with no lock held. It may join again and
  // may delete this waiter; it must not throw. A null `result` means that the flight ended
  // unfinished and nobody will ever answer.
  virtual void OnLanded(const Result* result) = 0;

  // Of the latest Join.
  Role role() const { return role_; }

  // From Join until a successful Leave or until it is popped from the list of those taken. Other
  // threads than the caller's may find the answer outdated.
  bool aboard() const { return flight_.load(std::memory_order_relaxed) != nullptr; }

 private:
  friend class AsyncWaiterList<Result>;
  template <typename, typename, typename>
  friend class internal::AsyncShard;
  template <typename, typename, typename, typename, typename>
  friend class AsyncGroup;

  // Set under the lock of the shard, cleared under it or, once taken, by AsyncWaiterList::Pop. See
  // internal/async_shard.h for why the flight may be looked at while this is not null.
  std::atomic<internal::AsyncFlightBase<Result>*> flight_{nullptr};
  AsyncWaiter* previous_ = nullptr;
  AsyncWaiter* next_ = nullptr;
  uint32_t shard_ = 0;
  Role role_ = Role::kFollower;
};

// AsyncWaiterList holds waiters that a landing has taken, in order of arrival. Its owner owes each
// of them one call of OnLanded:
//
//   while (Waiter* waiter = list.Pop()) waiter->OnLanded(&result);
//
// or pops them and pushes them to other lists, one per worker thread.
//
// Threads: one at a time.
// Ownership: of the duty only, not of the waiters; a list that is destroyed with waiters in it
// stops the program, because they would wait for ever.
template <typename Result>
class AsyncWaiterList {
 public:
  using Waiter = AsyncWaiter<Result>;

  AsyncWaiterList() = default;
  AsyncWaiterList(AsyncWaiterList&& other) noexcept { Swap(other); }
  AsyncWaiterList& operator=(AsyncWaiterList&& other) noexcept {
    internal::Check(empty() || this == &other, "a list with waiters in it was assigned to");
    Swap(other);
    return *this;
  }
  ~AsyncWaiterList() {
    internal::Check(empty(), "a list was destroyed with waiters in it: they would wait for ever");
  }

  // Removes the first waiter; null when the list is empty. The waiter still counts as taken: its
  // Leave says so until OnLanded is called.
  Waiter* Pop();

  // Adds a waiter that was popped from a list.
  void PushBack(Waiter* waiter);

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

 private:
  template <typename, typename, typename>
  friend class internal::AsyncShard;

  void Swap(AsyncWaiterList& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(size_, other.size_);
    std::swap(flight_, other.flight_);
  }

  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  size_t size_ = 0;
  // The landed flight that these waiters still point at; recycled when the last one is popped.
  internal::AsyncFlightBase<Result>* flight_ = nullptr;
};

namespace internal {

// The part of a flight that does not depend on keys. Guarded by the mutex of its shard.
template <typename Result>
class AsyncFlightBase {
 public:
  // Gives the flight, which no waiter points at any more, back to its shard. Takes the lock.
  virtual void Recycle() = 0;

  AsyncWaiter<Result>* first = nullptr;
  AsyncWaiter<Result>* last = nullptr;
  size_t waiting = 0;
  bool landed = false;

 protected:
  ~AsyncFlightBase() = default;
};

}  // namespace internal

template <typename Result>
AsyncWaiter<Result>* AsyncWaiterList<Result>::Pop() {
  Waiter* const waiter = first_;
  if (waiter == nullptr) return nullptr;
  first_ = waiter->next_;
  if (--size_ == 0) last_ = nullptr;
  waiter->next_ = nullptr;
  waiter->flight_.store(nullptr, std::memory_order_relaxed);
  if (empty() && flight_ != nullptr) std::exchange(flight_, nullptr)->Recycle();
  return waiter;
}

template <typename Result>
void AsyncWaiterList<Result>::PushBack(Waiter* waiter) {
  internal::Check(!waiter->aboard(), "a waiter was pushed to a list but is aboard a flight");
  (last_ == nullptr ? first_ : last_->next_) = waiter;
  waiter->next_ = nullptr;
  last_ = waiter;
  ++size_;
}

}  // namespace singleflight

#endif  // SINGLEFLIGHT_ASYNC_WAITER_H_
