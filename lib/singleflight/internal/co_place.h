// A coroutine's place aboard a flight.

#ifndef SINGLEFLIGHT_INTERNAL_CO_PLACE_H_
#define SINGLEFLIGHT_INTERNAL_CO_PLACE_H_

#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <utility>

#include "singleflight/async_waiter.h"
#include "singleflight/join_limits.h"
#include "singleflight/outcome.h"

namespace singleflight::internal {

// Runs what goes on with a coroutine where the flight lands.
struct ResumeHere {
  template <typename Task>
  void operator()(const Task& go_on) const {
    go_on();
  }
};

// CoPlace is a coroutine's place aboard a flight. Held by the coroutine, by itself while it is
// aboard, and by the task that goes on with the coroutine; so each of them may be the last to go.
//
// Joining and landing meet in `state_`: the one that comes second goes on with the coroutine, so
// that a coroutine that has not been suspended yet is never resumed.
template <typename Result, typename Resume>
class CoPlace final : public AsyncWaiter<Result> {
 public:
  CoPlace(std::coroutine_handle<> coroutine, Resume resume)
      : coroutine_(coroutine), resume_(std::move(resume)) {}

  // The landing is engaged for a leader.
  template <typename Group>
  typename Group::Landing Join(std::shared_ptr<CoPlace> self, Group& flights,
                               const typename Group::KeyType& key, typename Group::TimePoint now,
                               const JoinLimits& limits) {
    self_ = std::move(self);
    try {
      return flights.Join(key, *this, now, limits).landing;
    } catch (...) {
      self_.reset();
      throw;
    }
  }

  // Whether the coroutine has to wait; if so, it may be going on already.
  bool Suspend() {
    return state_.exchange(State::kWaits, std::memory_order_acq_rel) == State::kJoins;
  }

  void OnLanded(const Result* result) override {
    const std::shared_ptr<CoPlace> here = std::move(self_);
    if (result != nullptr)
      answer_ = Outcome<Result>::Of([&]() -> const Result& { return *result; });
    if (state_.exchange(State::kLanded, std::memory_order_acq_rel) == State::kWaits) {
      resume_([here] { here->GoOn(); });
    }
  }

  // The coroutine is being destroyed.
  template <typename Group>
  void Leave(Group& flights) {
    constexpr bool kCancels = requires(typename Group::ContextType context) {
      static_cast<bool>(context);
      context();
    };
    auto left = flights.Leave(*this, kCancels ? OnLast::kRetire : OnLast::kKeep);
    if (left.outcome == Group::Left::Outcome::kAlreadyTaken) {
      state_.store(State::kGone, std::memory_order_release);
      return;
    }
    self_.reset();
    if constexpr (kCancels) {
      if (left.context) left.context();
    }
  }

  typename Answer<Result>::Type TakeAnswer() {
    if (answer_.error != nullptr) std::rethrow_exception(answer_.error);
    if (!answer_.value.has_value()) throw Unanswered();
    return Answer<Result>::Of(*std::move(answer_.value));
  }

 private:
  enum class State {
    kJoins,   // not suspended yet
    kWaits,   // suspended: the landing goes on with it
    kLanded,  // it goes on, or is about to
    kGone,    // destroyed: nothing goes on
  };

  void GoOn() {
    if (state_.load(std::memory_order_acquire) != State::kGone) coroutine_.resume();
  }

  const std::coroutine_handle<> coroutine_;
  Resume resume_;
  std::shared_ptr<CoPlace> self_;
  std::atomic<State> state_{State::kJoins};
  Outcome<Result> answer_;  // empty if nobody answers; an error is of copying the result
};

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_CO_PLACE_H_
