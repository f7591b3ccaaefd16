// The lines of callers before an upstream's gate: whose turn it is, and which stand aside.

#include "server/core/release_gate.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace singleflight::core {

void ReleaseGate::Ticket::StandAside() {
  aside_ = true;
  gate_->MakeRoom();
}

std::unique_ptr<ReleaseGate::Ticket> ReleaseGate::Enter(uint64_t key, size_t max_waiting,
                                                        base::Loop& loop, Admit admit) {
  absl::optional<Admitted> next;
  uint64_t number = 0;
  {
    MutexLock lock(mu_);
    const auto line = lines_.find(key);
    if (line != lines_.end() && line->second.waiting.size() >= max_waiting) return nullptr;
    number = ++tickets_;
    ++queued_;
    ChangeLine(key, [&, turn = ++turns_](Line& mine) {
      if (mine.waiting.empty()) mine.turn = turn;
      mine.waiting.emplace(number, Entrant{&loop, std::move(admit)});
    });
    next = NextWithRoom();
  }
  if (next.has_value()) Send(*std::move(next));
  return std::make_unique<Ticket>(shared_from_this(), key, number);
}

// A loop that stops drops the task; the ticket is still its caller's to return.
void ReleaseGate::Send(Admitted admitted) {
  base::Loop* const loop = admitted.entrant.loop;
  loop->Post(
      [admit = std::move(admitted.entrant.admit), time = admitted.time]() mutable { admit(time); });
}

void ReleaseGate::Leave(const Ticket& ticket) {
  absl::optional<Entrant> gone;  // destroyed without the lock
  absl::optional<Admitted> next;
  {
    MutexLock lock(mu_);
    gone = TakeOut(ticket);
    if (!gone.has_value()) next = NextWithRoom();
  }
  if (next.has_value()) Send(*std::move(next));
}

// Returns nothing for a caller that was inside.
absl::optional<ReleaseGate::Entrant> ReleaseGate::TakeOut(const Ticket& ticket) {
  absl::optional<Entrant> entrant;
  ChangeLine(ticket.line_, [&](Line& line) {
    if (auto waiting = line.waiting.extract(ticket.number_)) {
      entrant = std::move(waiting.mapped());
    } else {
      --line.inside;
    }
  });
  if (entrant.has_value()) {
    --queued_;
  } else {
    --inside_;
    if (!ticket.aside_) --held_;
  }
  return entrant;
}

void ReleaseGate::MakeRoom() {
  absl::optional<Admitted> next;
  {
    MutexLock lock(mu_);
    --held_;
    next = NextWithRoom();
  }
  if (next.has_value()) Send(*std::move(next));
}

void ReleaseGate::SetRoom(size_t at_once) {
  std::vector<Admitted> admitted;
  {
    MutexLock lock(mu_);
    at_once_ = at_once;
    while (absl::optional<Admitted> next = NextWithRoom()) admitted.push_back(*std::move(next));
  }
  for (Admitted& next : admitted) Send(std::move(next));
}

absl::Duration ReleaseGate::TurnOfNow() const {
  const auto lines = static_cast<int64_t>(std::max(at_once_, next_.size()));
  return std::max(kShortestTurn, kLongestTurn * static_cast<int64_t>(at_once_) / lines);
}

absl::optional<ReleaseGate::Admitted> ReleaseGate::NextWithRoom() {
  if (next_.empty() || held_ >= at_once_) return absl::nullopt;
  const auto [fewest, turn, key] = *next_.begin();
  if (fewest >= at_once_) return absl::nullopt;
  absl::optional<Admitted> next;
  ChangeLine(key, [&next, time = TurnOfNow(), last = ++turns_](Line& line) {
    const auto first = line.waiting.begin();
    next.emplace(Admitted{std::move(first->second), time});
    line.waiting.erase(first);
    line.turn = last;
    ++line.inside;
  });
  --queued_;
  ++inside_;
  ++held_;
  return next;
}

// Whatever changes in a line, its place among those that wait follows.
template <typename Change>
void ReleaseGate::ChangeLine(uint64_t key, const Change& change) {
  Line& line = lines_[key];
  next_.erase({line.inside, line.turn, key});
  change(line);
  if (!line.waiting.empty()) {
    next_.emplace(line.inside, line.turn, key);
  } else if (line.inside == 0) {
    lines_.erase(key);
  }
}

size_t ReleaseGate::at_once() const {
  MutexLock lock(mu_);
  return at_once_;
}

size_t ReleaseGate::queued() const {
  MutexLock lock(mu_);
  return queued_;
}

size_t ReleaseGate::inside() const {
  MutexLock lock(mu_);
  return inside_;
}

}  // namespace singleflight::core
