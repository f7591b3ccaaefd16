#include "server/core/remembered.h"

namespace singleflight::core {

void Remembered::Note(uint64_t hash, base::Instant now, absl::Duration how_long) {
  MutexLock lock(mu_);
  const auto [at, added] = until_.insert_or_assign(hash, base::After(now, how_long));
  if (!added) return;
  oldest_first_.push_back(hash);
  if (oldest_first_.size() > capacity_) {
    until_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }
  size_.store(until_.size(), std::memory_order_relaxed);
}

bool Remembered::Holds(uint64_t hash, base::Instant now) const {
  if (size() == 0) return false;
  MutexLock lock(mu_);
  const auto found = until_.find(hash);
  return found != until_.end() && now < found->second;
}

}  // namespace singleflight::core
