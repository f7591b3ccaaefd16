// Taking and giving back, and when a bound counts as open.

#include "server/upstream/breaker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace singleflight::upstream {
namespace {

constexpr base::Instant kNever = base::Instant::max();

}  // namespace

void Breaker::SetBounds(const BreakerOptions& options) {
  const auto set = [this](BreakerBound bound, const absl::optional<uint64_t>& most) {
    Of(bound).max.store(most.has_value() ? static_cast<int64_t>(*most) : kNoBound,
                        std::memory_order_relaxed);
  };
  set(BreakerBound::kCalls, options.calls);
  set(BreakerBound::kPending, options.pending);
  set(BreakerBound::kConnections, options.connections);
}

Taken Breaker::Take(BreakerBound bound, const memory::Client* client) {
  Cell& cell = Of(bound);
  const int64_t most = cell.max.load(std::memory_order_relaxed);
  const int64_t all = cell.used.fetch_add(1, std::memory_order_relaxed) + 1;
  if (all > most) {
    cell.used.fetch_sub(1, std::memory_order_relaxed);
    return Taken::kMet;
  }
  if (client == nullptr) return Taken::kYes;
  MutexLock lock(cell.mu);
  int64_t& its = cell.by_client[client];
  if (memory::PastShare(its + 1, all, most)) {
    cell.used.fetch_sub(1, std::memory_order_relaxed);
    return Taken::kPastShare;
  }
  ++its;
  return Taken::kYes;
}

void Breaker::GiveBack(BreakerBound bound, const memory::Client* client) {
  Cell& cell = Of(bound);
  cell.used.fetch_sub(1, std::memory_order_relaxed);
  if (client == nullptr) return;
  MutexLock lock(cell.mu);
  const auto found = cell.by_client.find(client);
  if (--found->second == 0) cell.by_client.erase(found);
}

PoolBreaker::PoolBreaker(std::shared_ptr<Breaker> breaker, std::string upstream, base::Loop& loop,
                         Refusals& refusals)
    : breaker_(std::move(breaker)),
      upstream_(std::move(upstream)),
      loop_(loop),
      refusals_(refusals),
      timer_(loop.timers(), [this] { Look(); }) {
  look_at_.fill(kNever);
}

// The next refusal opens it again, elsewhere.
PoolBreaker::~PoolBreaker() {
  for (size_t i = 0; i < kBounds; ++i) {
    if (look_at_[i] != kNever) Close(static_cast<BreakerBound>(i));
  }
}

std::string PoolBreaker::Refuse(BreakerBound bound) {
  refusals_.Add(bound);
  std::string why = Why(bound);
  if (breaker_->alarm(bound).Opens(loop_.Now())) {
    spdlog::warn("upstream '{}': the breaker is open: {}; {}", upstream_, why,
                 bound == BreakerBound::kConnections ? "no further one is made"
                                                     : "further ones are refused");
    look_at_[static_cast<size_t>(bound)] = breaker_->alarm(bound).quiet_at();
    SetTimer();
  }
  return why;
}

std::string PoolBreaker::Named(BreakerBound bound) const {
  return absl::StrCat("breaker.", NameOf(bound), " (", breaker_->max(bound), ")");
}

std::string PoolBreaker::WhyPastShare(BreakerBound bound) const {
  return absl::StrCat("more than half of ", Named(bound),
                      " are this client's; what is left is for others");
}

std::string PoolBreaker::Why(BreakerBound bound) const {
  const std::string named = Named(bound);
  switch (bound) {
    case BreakerBound::kCalls:
      return named + " calls are under way";
    case BreakerBound::kPending:
      return named + " calls are waiting";
    case BreakerBound::kConnections:
      break;
  }
  return named + " connections are there";
}

void PoolBreaker::Look() {
  for (size_t i = 0; i < kBounds; ++i) {
    if (look_at_[i] > loop_.Now()) continue;
    const auto bound = static_cast<BreakerBound>(i);
    look_at_[i] = breaker_->alarm(bound).quiet_at();
    if (look_at_[i] <= loop_.Now()) Close(bound);
  }
  SetTimer();
}

void PoolBreaker::Close(BreakerBound bound) {
  look_at_[static_cast<size_t>(bound)] = kNever;
  spdlog::info("upstream '{}': the breaker is closed: breaker.{} was met {} times", upstream_,
               std::string(NameOf(bound)), breaker_->alarm(bound).Close());
}

void PoolBreaker::SetTimer() {
  const base::Instant next = *std::min_element(look_at_.begin(), look_at_.end());
  if (next != kNever) timer_.Set(next);
}

}  // namespace singleflight::upstream
