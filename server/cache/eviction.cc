// Which entries stay: two queues and three additions.
//
// The queues are those of S3-FIFO (Yang and others, SOSP 2023). A hit moves nothing: it counts a
// use in the entry, and the end of the queue spends uses.
//
//   small   New entries enter here. At its end an entry that was used enough is admitted to the
//           main queue, and the others go. So a scan touches nothing else.
//   main    At its end an entry that was used gets another round, and the others go.
//
// The additions, each of which tests/bench/eviction/EVICTION.md measures:
//
//   ghosts  Keys that left are remembered for a while. An entry that comes back meanwhile enters
//           the main queue. The queue that it had left was too small and grows at the other's cost,
//           as in ARC (Megiddo and Modha, FAST 2003). Workloads that live on recency get a small
//           queue that is nearly all of the cache; those that live on frequency, one of a few per
//           cent. An entry of more than an eighth of the budget leaves no ghost.
//   price   A place costs uses: the entry's size over the mean size. An entry ten times as large
//           takes the place of ten others, so it has to be used ten times as often to stay.
//   large   An entry that would be much of the small queue by itself enters at that queue's end, so
//           that it goes before those that it would push out.

#include "server/cache/eviction.h"

#include <algorithm>

namespace singleflight::cache {
namespace {

using Queue = EvictionGhosts::Queue;

// An entry saves up for this many rounds.
constexpr int kMaxRounds = 3;

// For how long keys that left each queue are remembered: until so many bytes have left the queue
// after them, in per cent of the budget.
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

// Whether the entry came back while it was remembered; the queue that it had left grows.
bool Eviction::Recall(const Evictable& entry) {
  if (!Rememberable(entry)) return false;
  switch (ghosts_.Recall(entry.hash)) {
    case Queue::kNone:
      return false;
    case Queue::kSmall:
      SetSmallTarget(small_target_ + entry.bytes);
      return true;
    case Queue::kMain:
      // Less is remembered of the main queue, so such ghosts are rarer and each weighs more.
      SetSmallTarget(small_target_ - std::min(small_target_, entry.bytes * kSmallSpan / kMainSpan));
      return true;
  }
  return false;
}

// A larger entry has to prove itself each time that it comes.
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
