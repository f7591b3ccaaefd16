// The result of a flight of an AsyncGroup as a std::future.

#ifndef SINGLEFLIGHT_JOIN_FUTURE_H_
#define SINGLEFLIGHT_JOIN_FUTURE_H_

#include "singleflight/internal/cxx20.h"

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "singleflight/async_group.h"
#include "singleflight/outcome.h"

namespace singleflight {

namespace internal {

// Aboard until its flight lands, and gone then.
template <typename Result>
class FuturePlace final : public AsyncWaiter<Result> {
 public:
  using Type = typename Answer<Result>::Type;

  std::future<Type> get_future() { return promise_.get_future(); }

  void OnLanded(const Result* result) override {
    const std::unique_ptr<FuturePlace> dies_here(this);
    try {
      if (result == nullptr) throw Unanswered();
      if constexpr (std::is_void_v<Type>) {
        Answer<Result>::Of(*result);
        promise_.set_value();
      } else {
        Type answer = Answer<Result>::Of(*result);  // throws here, not within set_value
        promise_.set_value(std::move(answer));
      }
    } catch (...) {
      promise_.set_exception(std::current_exception());
    }
  }

 private:
  std::promise<Type> promise_;
};

}  // namespace internal

// JoinFuture joins a flight of an AsyncGroup and gives its result as a std::future. With `start`
// handing the work to other threads it is what DoChan is in Go:
//
//   std::future<Profile> profile =
//       JoinFuture(flights, user, [&](Flights::Landing landing) {  // this caller leads
//         pool.Post([user, landing = std::move(landing)]() mutable {
//           landing.Land(LoadProfile(user));
//         });
//       });
//
// If the caller leads, `start` is called before JoinFuture returns; the flight is then its duty,
// and it may land it there and then. If the caller follows, `start` is not called.
//
// Threads: any. The future is ready as soon as the flight has landed, on whichever thread.
// Leaving: a std::future cannot leave. One that is dropped stays aboard until the landing, holds up
// nobody, and lets the work go on.
// Ownership: the place aboard owns itself; the group must outlive the landing, as always.
// Time: `now` is needed only where callers of the group set JoinLimits::max_join_age.
// Errors: what an Outcome holds, and Unanswered, come out of the future. JoinFuture throws what
// Join throws, having joined nobody, and what `start` throws: the landing that `start` was given
// has then answered everyone aboard with Unanswered, unless it had been passed on.
// Memory: one allocation for the place and those of std::promise (two in libstdc++).
template <typename Group, typename Start>
auto JoinFuture(Group& flights, const typename Group::KeyType& key, Start&& start,
                typename Group::TimePoint now = {}, const JoinLimits& limits = {}) {
  static_assert(std::is_invocable_v<Start&, typename Group::Landing>,
                "singleflight: start takes the Landing of the flight that it starts");
  auto place = std::make_unique<internal::FuturePlace<typename Group::ResultType>>();
  auto future = place->get_future();
  auto joined = flights.Join(key, *place, now, limits);
  (void)place.release();  // its own from here on; it may be gone already
  if (joined.landing) start(std::move(joined.landing));
  return future;
}

}  // namespace singleflight

#endif  // SINGLEFLIGHT_JOIN_FUTURE_H_
