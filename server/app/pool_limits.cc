// What a breaker and a limit of calls show: metrics, and what is told to whoever asks.

#include "server/app/pool_limits.h"

#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace singleflight::app {
namespace {

using upstream::Breaker;
using upstream::BreakerBound;

// What there is goes on.
template <typename T, typename Options>
std::shared_ptr<T> KeepOrMake(std::weak_ptr<T>& known, const Options& options) {
  std::shared_ptr<T> kept = known.lock();
  if (kept == nullptr) known = kept = std::make_shared<T>(options);
  return kept;
}

// Calls `take` for each that is bounded.
void ForEachBound(const Breaker& breaker, const std::function<void(BreakerBound)>& take) {
  for (size_t i = 0; i < metrics::kReasons<BreakerBound>; ++i) {
    const auto bound = static_cast<BreakerBound>(i);
    if (breaker.max(bound) != Breaker::kNoBound) take(bound);
  }
}

void ShowConcurrency(const std::string& upstream, const upstream::Concurrency& concurrency,
                     metrics::Visitor& visitor) {
  const metrics::Labels labels = {{"upstream", upstream}};
  visitor.Level("singleflight_upstream_concurrency_limit",
                "Calls that may be in the air at a time.", labels, concurrency.limit());
  visitor.Level("singleflight_upstream_concurrency_in_flight",
                "Calls that are, without streams that have shown that they are streams.", labels,
                concurrency.in_flight());
  visitor.Level("singleflight_upstream_concurrency_queued", "Calls that wait for their turn.",
                labels, concurrency.queued());
  visitor.Level("singleflight_upstream_overloaded",
                "1: a call was refused for want of a turn within the last seconds.", labels,
                concurrency.alarm().open());
}

}  // namespace

upstream::Pool::Shared PoolLimits::Of(const upstream::UpstreamOptions& options) {
  upstream::Pool::Shared limits;
  if (options.breaker.on()) limits.breaker = KeepOrMake(breakers_[options.name], options.breaker);
  if (options.concurrency.on()) {
    limits.concurrency = KeepOrMake(concurrency_[options.name], options.concurrency);
  }
  return limits;
}

void PoolLimits::Apply(const upstream::UpstreamOptions& options,
                       const upstream::Pool::Shared& limits) {
  if (limits.breaker != nullptr) limits.breaker->SetBounds(options.breaker);
  if (limits.concurrency != nullptr) limits.concurrency->SetOptions(options.concurrency);
}

void PoolLimits::ForgetGone() {
  std::erase_if(breakers_, [](const auto& named) { return named.second.expired(); });
  std::erase_if(concurrency_, [](const auto& named) { return named.second.expired(); });
}

void PoolLimits::Show(const std::string& upstream, const upstream::Pool::Shared& limits,
                      metrics::Visitor& visitor) {
  if (limits.concurrency != nullptr) ShowConcurrency(upstream, *limits.concurrency, visitor);
  if (limits.breaker == nullptr) return;
  const Breaker& breaker = *limits.breaker;
  ForEachBound(breaker, [&](BreakerBound bound) {
    const metrics::Labels labels = {{"upstream", upstream}, {"bound", std::string(NameOf(bound))}};
    visitor.Level("singleflight_upstream_breaker_used",
                  "Calls, waiting calls and connections that the breaker counts now.", labels,
                  breaker.used(bound));
    visitor.Level("singleflight_upstream_breaker_max", "How many of them there may be.", labels,
                  breaker.max(bound));
    visitor.Level("singleflight_upstream_breaker_open",
                  "1: the bound was met within the last seconds.", labels,
                  breaker.alarm(bound).open());
  });
}

void PoolLimits::Describe(const upstream::Pool::Shared& limits, admin::v1::Upstream& upstream) {
  if (limits.concurrency != nullptr) {
    admin::v1::UpstreamBound& out = *upstream.add_bounds();
    out.set_bound("concurrency");
    out.set_used(limits.concurrency->in_flight());
    out.set_max(limits.concurrency->limit());
    out.set_met(limits.concurrency->alarm().open());
  }
  if (limits.breaker == nullptr) return;
  const Breaker& breaker = *limits.breaker;
  ForEachBound(breaker, [&](BreakerBound bound) {
    admin::v1::UpstreamBound& out = *upstream.add_bounds();
    out.set_bound(absl::StrCat("breaker.", NameOf(bound)));
    out.set_used(breaker.used(bound));
    out.set_max(breaker.max(bound));
    out.set_met(breaker.alarm(bound).open());
  });
}

}  // namespace singleflight::app
