// Who gets a slot, who waits, and who is refused for want of time.

#include "server/upstream/concurrency.h"

#include <algorithm>
#include <cmath>

namespace singleflight::upstream {
namespace {

constexpr double kWeightOfOne = 0.1;  // of one call in the average

// So many of the least wanted are looked at when one is refused.
constexpr int kLookedAt = 32;

}  // namespace

Concurrency::Concurrency(const ConcurrencyOptions& options)
    : options_(options), adaptive_(options.min, options.max) {
  MutexLock lock(mu_);
  SetLimit();
}

void Concurrency::SetOptions(const ConcurrencyOptions& options) {
  std::vector<Told> told;
  {
    MutexLock lock(mu_);
    options_ = options;
    adaptive_.SetRange(options.min, options.max);
    SetLimit();
    Serve(told);
  }
  SendAll(std::move(told));
}

void Concurrency::SetLimit() {
  limit_.store(options_.adaptive ? adaptive_.limit() : options_.limit, std::memory_order_relaxed);
}

bool Concurrency::TakeSlot(const memory::Client* client) {
  if (in_flight() >= limit() || !May(client)) return false;
  Count(client, 1);
  return true;
}

absl::optional<Concurrency::Slot> Concurrency::TryEnter(const memory::Client* client) {
  {
    MutexLock lock(mu_);
    if (!TakeSlot(client)) return absl::nullopt;
  }
  return Slot(shared_from_this(), client);
}

Concurrency::Entered Concurrency::Enter(const Asking& asking, Tell tell) {
  Entered entered;
  absl::optional<Told> refused;
  {
    MutexLock lock(mu_);
    if (TakeSlot(asking.client)) {
      entered.slot.emplace(shared_from_this(), asking.client);
      return entered;
    }
    entered.number = ++numbers_;
    const auto [at, is_new] = waiting_.emplace(
        entered.number, Waiting{asking.wanted, asking.client, &asking.loop, std::move(tell)});
    Insert(entered.number, at->second);
    if (waiting_.size() > MostWaiting()) refused.emplace(Told{TakeOut(LeastWanted()), false});
    queued_.store(static_cast<int64_t>(waiting_.size()), std::memory_order_relaxed);
  }
  if (refused.has_value()) Send(*std::move(refused));
  return entered;
}

// Nothing is known before the first call has ended; then pools bound what waits.
size_t Concurrency::MostWaiting() const {
  if (kept_ <= 0) return SIZE_MAX;
  const double most = static_cast<double>(limit()) / kept_;
  return static_cast<size_t>(
      std::ceil(std::max(1.0, most * absl::ToDoubleSeconds(options_.max_wait))));
}

uint64_t Concurrency::LeastWanted() const {
  const auto first = order_.lower_bound({order_.rbegin()->first, 0});
  uint64_t least = first->second;
  size_t most = 0;
  int looked = 0;
  for (auto at = first; at != order_.end() && looked < kLookedAt; ++at, ++looked) {
    const size_t its = WaitingOf(waiting_.at(at->second).client);
    if (its <= most) continue;
    most = its;
    least = at->second;
  }
  return least;
}

// Nobody's calls drive out no other ones.
size_t Concurrency::WaitingOf(const memory::Client* client) const {
  return client == nullptr ? 0 : parts_.at(client).waits.size();
}

void Concurrency::Insert(uint64_t number, const Waiting& who) {
  const Place place = PlaceOf(number, who.wanted);
  order_.insert(place);
  std::set<Place>& waits = parts_[who.client].waits;
  if (!waits.empty()) firsts_.erase({*waits.begin(), who.client});
  waits.insert(place);
  firsts_.insert({*waits.begin(), who.client});
}

void Concurrency::Erase(uint64_t number, const Waiting& who) {
  const Place place = PlaceOf(number, who.wanted);
  order_.erase(place);
  std::set<Place>& waits = parts_.at(who.client).waits;
  firsts_.erase({*waits.begin(), who.client});
  waits.erase(place);
  if (!waits.empty()) firsts_.insert({*waits.begin(), who.client});
  DropIfEmpty(who.client);
}

void Concurrency::DropIfEmpty(const memory::Client* client) {
  const auto found = parts_.find(client);
  if (found->second.slots == 0 && found->second.waits.empty()) parts_.erase(found);
}

Concurrency::Waiting Concurrency::TakeOut(uint64_t number) {
  auto node = waiting_.extract(number);
  Erase(number, node.mapped());
  queued_.store(static_cast<int64_t>(waiting_.size()), std::memory_order_relaxed);
  return std::move(node.mapped());
}

// Whether a slot that is free may be this client's.
bool Concurrency::May(const memory::Client* client) const {
  if (client == nullptr) return true;
  const auto found = parts_.find(client);
  const int64_t its = found == parts_.end() ? 0 : found->second.slots;
  return !memory::PastShare(its + 1, in_flight() + 1, limit());
}

void Concurrency::Count(const memory::Client* client, int64_t more) {
  if (more > 0) ++given_;
  in_flight_.fetch_add(more, std::memory_order_relaxed);
  parts_[client].slots += more;
  DropIfEmpty(client);
}

bool Concurrency::Leave(uint64_t number) {
  absl::optional<Waiting> gone;  // destroyed without the lock
  MutexLock lock(mu_);
  if (waiting_.count(number) == 0) return false;
  gone.emplace(TakeOut(number));
  return true;
}

void Concurrency::SetRanks(const std::vector<Rank>& ranks) {
  MutexLock lock(mu_);
  for (const Rank& rank : ranks) {
    const auto found = waiting_.find(rank.number);
    if (found == waiting_.end()) continue;
    Erase(rank.number, found->second);
    found->second.wanted = rank.wanted;
    Insert(rank.number, found->second);
  }
}

void Concurrency::Disown(uint64_t number) {
  std::vector<Told> told;
  {
    MutexLock lock(mu_);
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) return;
    Erase(number, found->second);
    found->second.client = nullptr;
    Insert(number, found->second);
    Serve(told);
  }
  SendAll(std::move(told));
}

void Concurrency::Serve(std::vector<Told>& told) {
  while (in_flight() < limit()) {
    const absl::optional<uint64_t> next = Next();
    if (!next.has_value()) return;
    told.push_back({TakeOut(*next), true});
    Count(told.back().who.client, 1);
  }
}

// While a slot is free, two clients at most have half of them; so this looks at three at most.
absl::optional<uint64_t> Concurrency::Next() const {
  for (const auto& [place, client] : firsts_) {
    if (May(client)) return place.second;
  }
  return absl::nullopt;
}

void Concurrency::Release(const memory::Client* client, absl::optional<absl::Duration> kept) {
  std::vector<Told> told;
  {
    MutexLock lock(mu_);
    Count(client, -1);
    if (kept.has_value()) {
      const double seconds = absl::ToDoubleSeconds(*kept);
      kept_ = kept_ <= 0 ? seconds : kept_ + kWeightOfOne * (seconds - kept_);
    }
    Serve(told);
  }
  SendAll(std::move(told));
}

bool Concurrency::SaysSomething(const Measured& call, EndpointShared& at) {
  if (call.answered) {
    answered_ = call.now;
    at.answered.store(call.now.time_since_epoch().count(), std::memory_order_relaxed);
    return true;
  }
  const base::Instant sent = call.now - absl::ToChronoNanoseconds(call.took);
  const auto its =
      base::Instant(base::Instant::duration(at.answered.load(std::memory_order_relaxed)));
  return its >= sent || answered_ < sent;
}

void Concurrency::Measure(const Measured& call, EndpointShared& at) {
  std::vector<Told> told;
  {
    MutexLock lock(mu_);
    if (!options_.adaptive || !SaysSomething(call, at)) return;
    adaptive_.Add(call.now, call.took, in_flight(), call.answered);
    SetLimit();
    Serve(told);
  }
  SendAll(std::move(told));
}

// One slot more, or if only calls past their client's share wait, so many that the share has one.
void Concurrency::RaiseIfStuck(base::Instant now) {
  std::vector<Told> told;
  {
    MutexLock lock(mu_);
    if (!options_.adaptive || waiting_.empty()) return;
    if (std::exchange(seen_, given_) != given_) seen_at_ = now;
    if (now < base::After(seen_at_, kStuckAfter)) return;
    const int64_t all = in_flight() + 1;
    for (const int64_t least : {all, (4 * all + 2) / 3}) {
      adaptive_.Raise(least);
      SetLimit();
      Serve(told);
      if (!told.empty()) break;
    }
  }
  SendAll(std::move(told));
}

// A loop that stops drops what it is sent, and with it the slot, which comes back so.
void Concurrency::Send(Told told) {
  base::Loop& loop = *told.who.loop;
  if (!told.served) {
    return loop.Post([tell = std::move(told.who.tell)]() mutable { tell(absl::nullopt); });
  }
  Slot slot(shared_from_this(), told.who.client);
  loop.Post([tell = std::move(told.who.tell), slot = std::move(slot)]() mutable {
    tell(std::move(slot));
  });
}

void Concurrency::SendAll(std::vector<Told> told) {
  for (Told& each : told) Send(std::move(each));
}

}  // namespace singleflight::upstream
