#include "server/base/timer_queue.h"

#include <algorithm>

namespace singleflight::base {

Instant After(Instant instant, absl::Duration duration) {
  const auto room = Instant::max() - instant;
  if (duration >= absl::FromChrono(room)) return Instant::max();
  return instant + absl::ToChronoNanoseconds(duration);
}

Timer::~Timer() { Cancel(); }

void Timer::Set(Instant when) {
  Cancel();
  when_ = std::max(when, queue_.earliest_);
  queue_.Insert(*this);
}

void Timer::Cancel() {
  if (pending()) queue_.Remove(*this);
}

absl::optional<Instant> TimerQueue::next() const {
  if (heap_.empty()) return absl::nullopt;
  return heap_.front()->when_;
}

void TimerQueue::Advance(Instant now) {
  earliest_ = After(now, absl::Nanoseconds(1));
  while (!heap_.empty() && heap_.front()->when_ <= now) {
    Timer& due = *heap_.front();
    Remove(due);
    due.run_(due.captured_);  // may destroy the timer
  }
  earliest_ = Instant::min();
}

void TimerQueue::Insert(Timer& timer) {
  heap_.push_back(nullptr);
  Place(&timer, heap_.size() - 1);
  SiftUp(timer.slot_);
}

void TimerQueue::Remove(Timer& timer) {
  const size_t slot = timer.slot_;
  timer.slot_ = Timer::kIdle;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  Place(last, slot);
  SiftUp(slot);
  SiftDown(last->slot_);
}

void TimerQueue::Place(Timer* timer, size_t slot) {
  heap_[slot] = timer;
  timer->slot_ = slot;
}

void TimerQueue::SiftUp(size_t slot) {
  while (slot > 0) {
    const size_t parent = (slot - 1) / 2;
    if (heap_[parent]->when_ <= heap_[slot]->when_) return;
    Timer* moved = heap_[parent];
    Place(heap_[slot], parent);
    Place(moved, slot);
    slot = parent;
  }
}

void TimerQueue::SiftDown(size_t slot) {
  while (true) {
    size_t least = slot;
    for (size_t child = 2 * slot + 1; child <= 2 * slot + 2 && child < heap_.size(); ++child) {
      if (heap_[child]->when_ < heap_[least]->when_) least = child;
    }
    if (least == slot) return;
    Timer* moved = heap_[least];
    Place(heap_[slot], least);
    Place(moved, slot);
    slot = least;
  }
}

}  // namespace singleflight::base
