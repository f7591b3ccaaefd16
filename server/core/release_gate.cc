#include "server/core/release_gate.h"

#include <utility>
#include <vector>

namespace singleflight::core {

ReleaseGate::Pass& ReleaseGate::Pass::operator=(Pass&& other) noexcept {
  if (this != &other) {
    Return();
    gate_ = std::exchange(other.gate_, nullptr);
  }
  return *this;
}

void ReleaseGate::Pass::Return() {
  if (ReleaseGate* gate = std::exchange(gate_, nullptr)) gate->Leave();
}

void ReleaseGate::Send(ReleaseGate* gate, Entrant entrant) {
  base::Loop* loop = entrant.loop;
  // A loop that stops drops the task, and with it the pass.
  loop->Post(
      [admit = std::move(entrant.admit), pass = Pass(gate)]() mutable { admit(std::move(pass)); });
}

void ReleaseGate::Enter(base::Loop& loop, Admit admit) {
  Entrant entrant{&loop, std::move(admit)};
  {
    MutexLock lock(mu_);
    if (inside_ >= at_once_) {
      queue_.push_back(std::move(entrant));
      return;
    }
    ++inside_;
  }
  Send(this, std::move(entrant));
}

void ReleaseGate::Leave() {
  absl::optional<Entrant> next;
  {
    MutexLock lock(mu_);
    --inside_;
    next = NextWithRoom();
  }
  if (next.has_value()) Send(this, *std::move(next));
}

void ReleaseGate::SetRoom(size_t at_once) {
  std::vector<Entrant> admitted;
  {
    MutexLock lock(mu_);
    at_once_ = at_once;
    while (absl::optional<Entrant> next = NextWithRoom()) admitted.push_back(*std::move(next));
  }
  for (Entrant& entrant : admitted) Send(this, std::move(entrant));
}

absl::optional<ReleaseGate::Entrant> ReleaseGate::NextWithRoom() {
  if (queue_.empty() || inside_ >= at_once_) return absl::nullopt;
  ++inside_;
  Entrant next = std::move(queue_.front());
  queue_.pop_front();
  return next;
}

void ReleaseGate::Clear() {
  std::deque<Entrant> let_go;
  {
    MutexLock lock(mu_);
    let_go.swap(queue_);
  }
  for (Entrant& entrant : let_go) {
    base::Loop* loop = entrant.loop;
    loop->Post([gone = std::move(entrant.admit)] {});
  }
}

size_t ReleaseGate::queued() const {
  MutexLock lock(mu_);
  return queue_.size();
}

}  // namespace singleflight::core
