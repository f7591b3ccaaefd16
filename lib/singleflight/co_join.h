// Waiting for a flight of an AsyncGroup with co_await.

#ifndef SINGLEFLIGHT_CO_JOIN_H_
#define SINGLEFLIGHT_CO_JOIN_H_

#include "singleflight/internal/cxx20.h"

#include <coroutine>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "singleflight/async_group.h"
#include "singleflight/internal/co_place.h"

namespace singleflight {

// CoJoin lets a coroutine wait for a flight of an AsyncGroup. Await it where it is made:
//
//   Reply reply = co_await CoJoin(flights, key, [&](Flights::Landing landing) {
//     upstream.Send(request, std::move(landing));  // this coroutine leads
//   });
//
// If the coroutine leads, `start` is called; the flight is then its duty, to be landed immediately
// or later, from any thread. If the coroutine follows, `start` is not called.
//
// Threads: `resume` gets a copyable task on the thread that lands, and has it run on the thread of
// the coroutine, once. Without a `resume` the coroutine goes on within the landing, and waiters
// behind it wait for it. A flight that lands before `start` has returned does not suspend it.
// Leaving: destroy the coroutine while it waits, on the thread where it would go on. If the Context
// of the group can be called, as a std::function<void()> can, the last one to leave retires the
// flight and calls it: the work is to be cancelled. Otherwise the work goes on and may be joined.
// Ownership: the group outlives coroutines that wait, and landings.
// Time: `now` is needed only where callers of the group set JoinLimits::max_join_age.
// Errors: co_await throws what an Outcome holds; Unanswered; what copying the result throws; what
// Join throws, having joined nobody; and, when the flight has landed, what `start` threw: its
// landing has told the others Unanswered, unless it was passed on. `resume` must not throw.
// Memory: one allocation, for the place aboard: it outlives a coroutine that is destroyed while its
// flight lands. The result is copied; use a std::shared_ptr<const T> where that is dear.
template <typename Group, typename Start, typename Resume = internal::ResumeHere>
class [[nodiscard]] CoJoin {
  using Place = internal::CoPlace<typename Group::ResultType, Resume>;

 public:
  CoJoin(Group& flights, const typename Group::KeyType& key, Start start, Resume resume = Resume(),
         typename Group::TimePoint now = {}, const JoinLimits& limits = {})
      : flights_(flights),
        key_(key),
        start_(std::move(start)),
        resume_(std::move(resume)),
        now_(now),
        limits_(limits) {
    static_assert(std::is_invocable_v<Start&, typename Group::Landing>,
                  "singleflight: start takes the Landing of the flight that it starts");
  }
  CoJoin(const CoJoin&) = delete;
  CoJoin& operator=(const CoJoin&) = delete;
  ~CoJoin() {
    if (place_ != nullptr) place_->Leave(flights_);
  }

  bool await_ready() const noexcept { return false; }

  // False when the flight has landed already.
  bool await_suspend(std::coroutine_handle<> coroutine) {
    const auto place = std::make_shared<Place>(coroutine, std::move(resume_));
    auto landing = place->Join(place, flights_, key_, now_, limits_);
    place_ = place;
    try {
      if (landing) start_(std::move(landing));
    } catch (...) {
      thrown_by_start_ = std::current_exception();
    }
    return place->Suspend();
  }

  auto await_resume() {
    const std::shared_ptr<Place> place = std::move(place_);
    if (thrown_by_start_ != nullptr) std::rethrow_exception(thrown_by_start_);
    return place->TakeAnswer();
  }

 private:
  Group& flights_;
  const typename Group::KeyType& key_;
  Start start_;
  Resume resume_;
  const typename Group::TimePoint now_;
  const JoinLimits limits_;
  std::shared_ptr<Place> place_;  // from joining until it goes on
  std::exception_ptr thrown_by_start_;
};

}  // namespace singleflight

#endif  // SINGLEFLIGHT_CO_JOIN_H_
