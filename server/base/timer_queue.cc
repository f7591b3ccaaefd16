#include "server/base/timer_queue.h"

#include <algorithm>
#include <utility>

namespace singleflight::base {

Instant After(Instant instant, absl::Duration duration) {
  const auto room = Instant::max() - instant;
  if (duration >= absl::FromChrono(room)) return Instant::max();
  return instant + absl::ToChronoNanoseconds(duration);
}

void Timer::Set(Instant when) {
  Cancel();
  when_ = std::max(when, queue_.earliest_);
  queue_.Insert(*this);
}

void Timer::Unset() { queue_.Remove(*this); }

absl::optional<Instant> TimerQueue::next() {
  if (timers_.empty()) return absl::nullopt;
  Order();
  return timers_.front()->when_;
}

void TimerQueue::Advance(Instant now) {
  Order();
  earliest_ = After(now, absl::Nanoseconds(1));
  while (ordered_ > 0 && timers_.front()->when_ <= now) {
    Timer& due = *timers_.front();
    Remove(due);
    due.run_(due.captured_);  // may destroy the timer
  }
  earliest_ = Instant::min();
}

void TimerQueue::Insert(Timer& timer) {
  timers_.push_back(&timer);
  timer.slot_ = timers_.size() - 1;
}

void TimerQueue::Order() {
  while (ordered_ < timers_.size()) SiftUp(ordered_++);
}

// The heap's last one fills a gap in it, and the very last one that which is behind the heap then.
void TimerQueue::Remove(Timer& timer) {
  size_t gap = std::exchange(timer.slot_, Timer::kIdle);
  Timer* const last = timers_.back();
  if (gap < ordered_) {
    Timer* const filler = timers_[--ordered_];
    if (filler != &timer) {
      Place(filler, gap);
      SiftUp(gap);
      SiftDown(filler->slot_);
    }
    gap = ordered_;
  }
  timers_.pop_back();
  if (gap < timers_.size()) Place(last, gap);
}

void TimerQueue::Place(Timer* timer, size_t slot) {
  timers_[slot] = timer;
  timer->slot_ = slot;
}

void TimerQueue::SiftUp(size_t slot) {
  while (slot > 0) {
    const size_t parent = (slot - 1) / 2;
    if (timers_[parent]->when_ <= timers_[slot]->when_) return;
    Timer* moved = timers_[parent];
    Place(timers_[slot], parent);
    Place(moved, slot);
    slot = parent;
  }
}

void TimerQueue::SiftDown(size_t slot) {
  while (true) {
    size_t least = slot;
    for (size_t child = 2 * slot + 1; child <= 2 * slot + 2 && child < ordered_; ++child) {
      if (timers_[child]->when_ < timers_[least]->when_) least = child;
    }
    if (least == slot) return;
    Timer* moved = timers_[least];
    Place(timers_[slot], least);
    Place(moved, slot);
    slot = least;
  }
}

}  // namespace singleflight::base
