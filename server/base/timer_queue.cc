// A binary heap, and in the same vector behind it the timers that have yet to enter it.
//
//   timers_[0, ordered_)       the heap: nobody is due before the first one
//   timers_[ordered_, size)    set since somebody asked for the next one, in the order of setting
//
// Most timers of calls are set and cancelled within one turn of the loop. They stand behind the
// heap for that time, so that setting is an append and cancelling is a swap with the last one.
// Order() puts those that are left into the heap when the loop asks how long it may sleep.
//
// Each timer knows its slot. So the queue holds plain pointers, a timer is found without a search,
// and nothing is allocated once the vector is as long as it gets.
//
// Advance comes to an end whatever callbacks do: while it runs, a timer is set for no earlier than
// the next nanosecond (earliest_), so that a callback which sets its timer for now is called by a
// later Advance. Due timers leave the queue before they run, because the callback may destroy them.

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

// The heap's last timer fills a gap in the heap. That leaves a gap right behind the heap, which the
// vector's last timer fills.
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
