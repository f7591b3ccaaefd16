// Which upstream call has waited longest for its first byte: what grows first when a backend hangs.
//
// Calls stand in the order in which they began, so the first of them has waited longest. Since when
// is a cell of its own, as those of metrics/cell.h, so a scrape asks no worker.
//
// Threads: one, the worker's; oldest() on any.
// Ownership: a place belongs to its call, and leaves when it dies. Either may die first.

#ifndef SINGLEFLIGHT_SERVER_UPSTREAM_WAITS_H_
#define SINGLEFLIGHT_SERVER_UPSTREAM_WAITS_H_

#include <atomic>
#include <utility>

#include "absl/types/optional.h"
#include "server/base/timer_queue.h"

namespace singleflight::upstream {

class Waits {
 public:
  class Place {
   public:
    Place() = default;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { Leave(); }

    // The call waits no more. Does nothing if it has left already.
    void Leave() {
      if (waits_ != nullptr) std::exchange(waits_, nullptr)->Remove(*this);
    }

   private:
    friend class Waits;
    Waits* waits_ = nullptr;  // null: it stands nowhere
    Place* before_ = nullptr;
    Place* after_ = nullptr;
    base::Instant since_;
  };

  Waits() = default;
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;
  ~Waits() {
    for (Place* place = first_; place != nullptr; place = place->after_) place->waits_ = nullptr;
  }

  // A call waits from `now` on; no call came later. It stands nowhere yet.
  void Join(Place& place, base::Instant now) {
    place.waits_ = this;
    place.since_ = now;
    place.before_ = last_;
    place.after_ = nullptr;
    (last_ == nullptr ? first_ : last_->after_) = &place;
    last_ = &place;
    if (first_ == &place) NoteFirst();
  }

  // Since when the first has waited. Nothing: none waits.
  absl::optional<base::Instant> oldest() const {
    const auto since = oldest_.load(std::memory_order_relaxed);
    if (since == kNone) return absl::nullopt;
    return base::Instant(base::Instant::duration(since));
  }

 private:
  using Ticks = base::Instant::rep;
  static constexpr Ticks kNone = 0;

  void Remove(Place& place) {
    (place.before_ == nullptr ? first_ : place.before_->after_) = place.after_;
    (place.after_ == nullptr ? last_ : place.after_->before_) = place.before_;
    if (place.before_ == nullptr) NoteFirst();
  }

  void NoteFirst() {
    const Ticks since = first_ == nullptr ? kNone : first_->since_.time_since_epoch().count();
    oldest_.store(since, std::memory_order_relaxed);
  }

  Place* first_ = nullptr;
  Place* last_ = nullptr;
  std::atomic<Ticks> oldest_{kNone};
};

}  // namespace singleflight::upstream

#endif  // SINGLEFLIGHT_SERVER_UPSTREAM_WAITS_H_
