#include "server/cache/eviction_queue.h"

namespace singleflight::cache {

void EvictionQueue::PushNewest(Evictable& entry) {
  entry.newer = nullptr;
  entry.older = newest_;
  (newest_ ? newest_->newer : oldest_) = &entry;
  newest_ = &entry;
  bytes_ += entry.bytes;
  ++size_;
}

void EvictionQueue::PushOldest(Evictable& entry) {
  entry.older = nullptr;
  entry.newer = oldest_;
  (oldest_ ? oldest_->older : newest_) = &entry;
  oldest_ = &entry;
  bytes_ += entry.bytes;
  ++size_;
}

void EvictionQueue::Remove(Evictable& entry) {
  (entry.newer ? entry.newer->older : newest_) = entry.older;
  (entry.older ? entry.older->newer : oldest_) = entry.newer;
  entry.newer = entry.older = nullptr;
  bytes_ -= entry.bytes;
  --size_;
}

}  // namespace singleflight::cache
