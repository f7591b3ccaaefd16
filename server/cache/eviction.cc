// S3-FIFO (Yang and others, SOSP 2023) over bytes. New entries enter a small queue; those used
// meanwhile move on to the main queue, the others leave and are remembered as ghosts. Who comes
// back while remembered enters the main queue at once, which gives an entry another round for each
// of its uses. A scan therefore passes through the small queue and touches nothing else.

#include "server/cache/eviction.h"

namespace singleflight::cache {
namespace {

constexpr uint64_t kSmallShare = 10;  // a tenth of the budget

}  // namespace

Eviction::Eviction(uint64_t max_bytes) : max_bytes_(max_bytes) {}

void Eviction::Insert(Evictable& entry) {
  entry.uses = 0;
  entry.in_main = ghosts_.Take(entry.hash, left_, max_bytes_);
  (entry.in_main ? main_ : small_).PushNewest(entry);
  ghosts_.Fit(size());
}

void Eviction::Erase(Evictable& entry) { (entry.in_main ? main_ : small_).Remove(entry); }

Evictable* Eviction::Victim() {
  while (!Fits() && size() > 0) {
    const bool small = main_.empty() || small_.bytes() > max_bytes_ / kSmallShare;
    if (Evictable* victim = small ? FromSmall() : FromMain()) return victim;
  }
  return nullptr;
}

Evictable* Eviction::FromSmall() {
  Evictable& entry = *small_.oldest();
  small_.Remove(entry);
  if (entry.uses == 0) {
    left_ += entry.bytes;
    ghosts_.Add(entry.hash, left_);
    return &entry;
  }
  entry.uses = 0;
  entry.in_main = true;
  main_.PushNewest(entry);
  return nullptr;
}

Evictable* Eviction::FromMain() {
  Evictable& entry = *main_.oldest();
  main_.Remove(entry);
  if (entry.uses == 0) return &entry;
  --entry.uses;
  main_.PushNewest(entry);
  return nullptr;
}

}  // namespace singleflight::cache
