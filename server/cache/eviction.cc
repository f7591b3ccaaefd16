// Two queues, as in S3-FIFO (Yang and others, SOSP 2023). New entries enter the small one; those
// used enough when they get to its end are admitted to the main one, the others go. The main queue
// gives entries that were used another round. Hence a scan passes through the small queue and
// touches nothing else, and a hit moves nothing: it counts.
//
// Three things are added, each of which tests/bench/eviction/EVICTION.md measures:
//
// What left is remembered for a while, as ghosts; who comes back meanwhile enters the main queue.
// Which queue the ghost had left says which one is too small, as in ARC (Megiddo and Modha, FAST
// 2003): workloads that live on recency get a small queue that is nearly all of the cache, those
// that live on frequency one of a few per cent.
//
// A place has a price, in uses: the entry's size over the mean size. An entry ten times as large
// takes the place of ten others, so it has to be used ten times as often to stay.
//
// An entry that would by itself be much of the small queue enters at the end of it, so that it
// goes before those that it would otherwise push out.

#include "server/cache/eviction.h"

#include <algorithm>

namespace singleflight::cache {
namespace {

using Queue = EvictionGhosts::Queue;

// An entry saves up for this many rounds.
constexpr int kMaxRounds = 3;

// How much of what left each queue is remembered, in per cent of the budget.
constexpr uint64_t kSmallSpan = 80;
constexpr uint64_t kMainSpan = 30;

uint64_t Percent(uint64_t bytes, uint64_t percent) { return bytes / 100 * percent; }

}  // namespace

Eviction::Eviction(uint64_t max_bytes)
    : max_bytes_(max_bytes),
      small_target_(Percent(max_bytes, 10)),
      ghosts_(max_bytes / 64, Percent(max_bytes, kSmallSpan), Percent(max_bytes, kMainSpan)) {}

void Eviction::Insert(Evictable& entry) {
  entry.uses = 0;
  entry.in_main = Recall(entry);
  if (entry.in_main) {
    main_.PushNewest(entry);
  } else if (entry.bytes > Percent(small_target_, 30)) {
    small_.PushOldest(entry);
  } else {
    small_.PushNewest(entry);
  }
  ghosts_.Fit(size());
}

void Eviction::Replace(Evictable& old, Evictable& entry) {
  Erase(old);
  const bool grew = entry.bytes > old.bytes;
  if (grew && !Rememberable(entry)) return Insert(entry);
  entry.uses = old.uses;
  entry.in_main = old.in_main;
  QueueOf(entry).PushNewest(entry);
}

void Eviction::Erase(Evictable& entry) { QueueOf(entry).Remove(entry); }

Evictable* Eviction::Victim() {
  while (!Fits() && size() > 0) {
    const bool from_small = main_.empty() || small_.bytes() > small_target_;
    EvictionQueue& queue = from_small ? small_ : main_;
    Evictable& entry = *queue.oldest();
    const bool stays = Pays(entry);
    queue.Remove(entry);
    if (!stays) {
      if (Rememberable(entry)) {
        ghosts_.Remember(entry.hash, entry.bytes, from_small ? Queue::kSmall : Queue::kMain);
      }
      return &entry;
    }
    entry.in_main = true;
    main_.PushNewest(entry);
  }
  return nullptr;
}

// Whether the entry came back while remembered; the queue that it had left grows.
bool Eviction::Recall(const Evictable& entry) {
  if (!Rememberable(entry)) return false;
  switch (ghosts_.Recall(entry.hash)) {
    case Queue::kNone:
      return false;
    case Queue::kSmall:
      SetSmallTarget(small_target_ + entry.bytes);
      return true;
    case Queue::kMain:
      // These are rarer, as less is remembered of the main queue; so each weighs more.
      SetSmallTarget(small_target_ - std::min(small_target_, entry.bytes * kSmallSpan / kMainSpan));
      return true;
  }
  return false;
}

// An entry of more of the budget than this has to prove itself each time that it comes.
bool Eviction::Rememberable(const Evictable& entry) const { return entry.bytes <= max_bytes_ / 8; }

void Eviction::SetSmallTarget(uint64_t bytes) {
  small_target_ = std::clamp(bytes, Percent(max_bytes_, 1), Percent(max_bytes_, 95));
}

// Takes the price of another round from the entry's uses, if it has that many. Admission takes all
// of them, so that an entry has to prove itself in the main queue.
bool Eviction::Pays(Evictable& entry) const {
  const int price = PriceOf(entry);
  if (entry.uses < price) return false;
  const int saved = std::min<int>(entry.uses, kMaxRounds * price);
  entry.uses = entry.in_main ? saved - price : 0;
  return true;
}

int Eviction::PriceOf(const Evictable& entry) const {
  const uint64_t times_mean = entry.bytes * size() / std::max<uint64_t>(1, bytes());
  return std::clamp<uint64_t>(times_mean, 1, Evictable::kMaxUses);
}

}  // namespace singleflight::cache
