// A flight whose work an executor does.

#ifndef SINGLEFLIGHT_INTERNAL_POSTED_WORK_H_
#define SINGLEFLIGHT_INTERNAL_POSTED_WORK_H_

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "singleflight/internal/led_flights.h"
#include "singleflight/internal/requirements.h"
#include "singleflight/outcome.h"

namespace singleflight::internal {

// PostedWork is a flight whose work an executor does. The task that the executor gets owns it, so
// all callers, its leader included, may leave before it lands. It lands once, with the first of
// these: what the work comes to, what the executor throws, or Unanswered, when the last copy of
// the task is gone.
//
// Threads: Run, Fail and destruction on any thread.
template <typename Shard, typename R, typename Work>
class PostedWork {
  using Key = typename Shard::Key;
  using Waiter = typename Shard::Waiter;
  using Outcome = singleflight::Outcome<R>;

 public:
  // What the executor gets.
  class Task {
   public:
    explicit Task(std::shared_ptr<PostedWork> posted) : posted_(std::move(posted)) {}

    // Does the work. Only the first call of all copies does anything.
    void operator()() const { posted_->Run(); }

   private:
    std::shared_ptr<PostedWork> posted_;
  };

  template <typename GivenWork>
  PostedWork(Shard& shard, const Key& key, size_t hash, GivenWork&& work)
      : shard_(shard), key_(key), work_(std::forward<GivenWork>(work)), flight_(key_, hash) {
    flight_.leader_gone = true;  // it waits as followers do
    if constexpr (TakesStopToken<Work>) {
      flight_.work_stop = &work_stop_.emplace();
    }
  }
  PostedWork(const PostedWork&) = delete;
  PostedWork& operator=(const PostedWork&) = delete;
  ~PostedWork() {
    if (owed_) Fail(std::make_exception_ptr(Unanswered()));
  }

  template <typename Eq>
  typename Shard::Entry Join(std::optional<Waiter>& leader, const Eq& eq) {
    const auto entry = shard_.JoinAboard(flight_, leader, eq);
    owed_ = entry == Shard::Entry::kLeads;
    return entry;
  }

  // Lands with `error`, unless the work has begun.
  void Fail(std::exception_ptr error) noexcept {
    if (owed_.exchange(false)) Land({.error = std::move(error)});
  }

 private:
  void Run() noexcept {
    if (!owed_.exchange(false)) return;
    const auto work = [this]() -> decltype(auto) {
      const LedFlight::Working working(flight_);
      if constexpr (TakesStopToken<Work>) {
        return work_(work_stop_->get_token());
      } else {
        return work_();
      }
    };
    Land(Outcome::Of(work));
  }

  void Land(const Outcome& outcome) {
    Waiter* const taken = shard_.Land(flight_);
    Shard::Deliver(outcome, flight_.waiting, taken);
  }

  Shard& shard_;
  const Key key_;
  Work work_;
  std::optional<std::stop_source> work_stop_;
  typename Shard::Flight flight_;
  std::atomic<bool> owed_ = false;  // from leading until the work begins or is given up
};

}  // namespace singleflight::internal

#endif  // SINGLEFLIGHT_INTERNAL_POSTED_WORK_H_
