// Which endpoints of an upstream are ejected, and when they come back (upstream/ejection.h tells
// what counts as a failure); which are unhealthy (upstream/health_watch.h).

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/app/endpoints.h"

namespace singleflight::app {

bool Endpoints::OnFailing(const net::Endpoint& endpoint, const std::string& what,
                          base::Instant now) {
  const auto found = known_.find(endpoint);
  if (!ejection_.has_value() || found == known_.end()) return false;
  Known& known = found->second;
  if (!known.in_force || known.drained || known.ejections.ejected()) return false;
  known.failure = absl::StrCat(ejection_->failures, " failures in a row, the latest: ", what);
  known.failed_at = wall_clock_();
  const std::string why_not = WhyNotEject(known);
  if (!why_not.empty()) {
    ++ejections_withheld_;
    const absl::optional<base::Instant> before = std::exchange(known.withheld_at, now);
    if (!before.has_value() || now > base::After(*before, ejection_->time)) {
      Announce(endpoint, absl::StrCat(known.failure, "; it stays: ", why_not), true);
    }
    return false;
  }
  const absl::Duration time = known.ejections.Begin(*ejection_, now);
  known.withheld_at.reset();
  known.shared->ejected.store(true, std::memory_order_relaxed);
  known.since = wall_clock_();
  Announce(endpoint,
           absl::StrCat("it is ejected for ", absl::FormatDuration(time), ": ", known.failure),
           true);
  return true;
}

// Empty: it may be ejected. One that works has to be left.
std::string Endpoints::WhyNotEject(const Known& candidate) const {
  size_t all = 0;
  size_t ejected = 0;
  bool other_works = false;
  for (const auto& [endpoint, known] : known_) {
    if (!known.in_force || known.drained) continue;
    ++all;
    if (known.ejections.ejected()) {
      ++ejected;
    } else if (&known != &candidate && !known.unhealthy && IsUp(known)) {
      other_works = true;
    }
  }
  if (!other_works) return "no other endpoint works";
  return upstream::MayEjectOneMore(*ejection_, all, ejected) ? "" : "ejection.max_share is reached";
}

absl::optional<base::Instant> Endpoints::NextReturn() const {
  absl::optional<base::Instant> next;
  for (const auto& [endpoint, known] : known_) {
    const absl::optional<base::Instant> until = known.ejections.until();
    if (until.has_value() && (!next.has_value() || *until < *next)) next = until;
  }
  return next;
}

bool Endpoints::TakeBack(base::Instant now) {
  bool any = false;
  for (auto& [endpoint, known] : known_) {
    const absl::optional<base::Instant> until = known.ejections.until();
    if (!until.has_value() || *until > now) continue;
    any = true;
    known.ejections.End(now);
    known.shared->failures.store(0, std::memory_order_relaxed);
    known.shared->back.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    known.shared->ejected.store(false, std::memory_order_relaxed);
    known.since = wall_clock_();
    Announce(endpoint, "its ejection is over", false);
  }
  if (!any) return false;
  for (auto& [endpoint, known] : known_) known.withheld_at.reset();
  return true;
}

bool Endpoints::OnHealth(const net::Endpoint& endpoint, bool serves, const std::string& why) {
  const auto found = known_.find(endpoint);
  if (!checks_health_ || found == known_.end()) return false;
  Known& known = found->second;
  if (!serves) {
    known.failure = absl::StrCat("health check: ", why);
    known.failed_at = wall_clock_();
  }
  if (known.unhealthy == !serves) return false;
  known.unhealthy = !serves;
  known.shared->unhealthy.store(!serves, std::memory_order_relaxed);
  known.since = wall_clock_();
  Announce(endpoint, serves ? "it is healthy again" : "it is unhealthy: " + known.failure, !serves);
  return true;
}

void Endpoints::Announce(const net::Endpoint& endpoint, const std::string& text, bool bad) {
  spdlog::log(bad ? spdlog::level::warn : spdlog::level::info, "upstream '{}': {}: {}", upstream_,
              net::ToString(endpoint), text);
  Tell(endpoint, text);
}

}  // namespace singleflight::app
