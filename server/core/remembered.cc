#include "server/core/remembered.h"

#include <algorithm>

namespace singleflight::core {

absl::optional<absl::Duration> Remembered::Note(uint64_t hash, base::Instant now) {
  MutexLock lock(mu_);
  const auto [at, added] = memories_.try_emplace(hash);
  Memory& memory = at->second;
  if (!added && now < base::After(memory.since, memory.length)) return absl::nullopt;
  const bool news = added || now >= base::After(memory.since, first_);
  memory = {now, std::clamp(2 * memory.length, first_, most_)};
  const absl::Duration length = memory.length;
  if (added) {
    oldest_first_.push_back(hash);
    if (oldest_first_.size() > capacity_) {
      memories_.erase(oldest_first_.front());
      oldest_first_.pop_front();
    }
    size_.store(memories_.size(), std::memory_order_relaxed);
  }
  return news ? absl::make_optional(length) : absl::nullopt;
}

void Remembered::Forget(uint64_t hash) {
  if (size() == 0) return;
  MutexLock lock(mu_);
  const auto found = memories_.find(hash);
  if (found != memories_.end()) found->second.length = absl::ZeroDuration();
}

bool Remembered::Holds(uint64_t hash, base::Instant now) const {
  if (size() == 0) return false;
  MutexLock lock(mu_);
  const auto found = memories_.find(hash);
  return found != memories_.end() && now < base::After(found->second.since, found->second.length);
}

}  // namespace singleflight::core
