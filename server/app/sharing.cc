// What becomes of findings and of what is kept when routes change, and how both are shown.

#include "server/app/sharing.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/net/worker_clock.h"

namespace singleflight::app {
namespace {

namespace v1 = admin::v1;

v1::Route::Sharing SharingOf(core::Sharing sharing) {
  switch (sharing) {
    case core::Sharing::kAll:
      return v1::Route::SHARING_ALL;
    case core::Sharing::kSomeApart:
      return v1::Route::SHARING_SOME_APART;
    case core::Sharing::kStopped:
      return v1::Route::SHARING_STOPPED;
  }
  return v1::Route::SHARING_UNSPECIFIED;
}

// Of one worker.
void AddTo(const core::RouteMetrics& cells, v1::Route& out) {
  out.set_would_be_hits(out.would_be_hits() + cells.would_be.of(core::WouldBe::kHit));
  out.set_would_be_followers(out.would_be_followers() +
                             cells.would_be.of(core::WouldBe::kFollower));
  for (const auto& comparisons : cells.comparisons) {
    const uint64_t differed = comparisons.of(core::Comparison::kDiffers);
    out.set_differed(out.differed() + differed);
    out.set_compared(out.compared() + comparisons.sum() -
                     comparisons.of(core::Comparison::kUnshared) -
                     comparisons.of(core::Comparison::kFailed));
  }
}

// What a configuration says of groups.
std::string GroupsIn(const config::Config& config) {
  std::string text;
  for (const core::RouteOptions& route : config.routes) {
    if (route.tags.empty() && route.invalidates.empty()) continue;
    absl::StrAppend(&text, route.upstream, " ", RouteLabel(route));
    for (const model::FieldTemplate& tag : route.tags) absl::StrAppend(&text, "\ntag ", tag.text());
    for (const model::FieldTemplate& group : route.invalidates) {
      absl::StrAppend(&text, "\ndrop ", group.text());
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace

std::vector<const core::Route*> SameRoutes(const config::Config& in_force, const RouteSet& routes,
                                           const config::Config& next) {
  std::vector<const core::Route*> same;
  for (const core::RouteOptions& options : next.routes) {
    const auto known = std::find(in_force.routes.begin(), in_force.routes.end(), options);
    same.push_back(
        known == in_force.routes.end()
            ? nullptr
            : &routes.table.routes()[static_cast<size_t>(known - in_force.routes.begin())]);
  }
  return same;
}

void TellOfSharing(RouteSet& routes, const std::vector<const core::Route*>& before,
                   Events& events) {
  for (const core::Route& route : routes.table.routes()) {
    if (route.verification == nullptr) continue;
    if (!before.empty() && before[route.index] != nullptr) continue;
    route.verification->set_on_step(
        [&events, label = RouteLabel(route.options)](const std::string& text) {
          events.Add("verify", label, text);
        });
  }
}

std::string WhyDropKept(const config::Config& config, const RouteSet& routes,
                        const config::Config& next, const RouteSet& next_routes) {
  if (GroupsIn(config) != GroupsIn(next)) return "tags or invalidates of routes have changed";
  for (const core::Route& route : routes.table.routes()) {
    if (route.verification == nullptr || route.verification->sharing() == core::Sharing::kAll) {
      continue;
    }
    for (const core::Route& other : next_routes.table.routes()) {
      if (other.verification == route.verification) continue;
      if (!other.key_policy.IsSameAs(route.key_policy)) continue;
      return absl::StrCat("route '", RouteLabel(other.options),
                          "' shares again, by the key that verify found wrong");
    }
  }
  return "";
}

void DescribeSharing(const core::Route& route, const Ledgers& ledgers, v1::Route& out) {
  if (route.shadow == nullptr && route.verification == nullptr) return;
  const std::string label = RouteLabel(route.options);
  ledgers.routes.ForEach([&](const std::string& name, const auto& by_worker) {
    if (name != label) return;
    for (const auto& cells : by_worker) AddTo(*cells, out);
  });
  if (route.shadow != nullptr) {
    out.set_shadow(true);
    out.set_difference(route.shadow->latest());
  } else {
    out.set_sharing(SharingOf(route.verification->sharing()));
    out.set_difference(route.verification->latest());
  }
}

absl::StatusOr<bool> ShareAgain(const RouteSet& routes, const std::string& route) {
  for (const core::Route& known : routes.table.routes()) {
    if (RouteLabel(known.options) != route) continue;
    if (known.verification != nullptr)
      return known.verification->ShareAgain(net::ReadWorkerClock());
    return absl::FailedPreconditionError(
        absl::StrCat("the route '", route, "' has no \"verify\", so nothing has stopped it"));
  }
  return absl::NotFoundError(
      absl::StrCat("there is no route '", route, "'; singleflightctl routes lists them"));
}

void ShowSharing(const RouteSet& routes, metrics::Visitor& visitor) {
  for (const core::Route& route : routes.table.routes()) {
    if (route.verification == nullptr) continue;
    visitor.Level("singleflight_sharing_stopped",
                  "What verify has found: 0: the route shares; 1: calls of some clients go alone; "
                  "2: all do.",
                  {{"route", RouteLabel(route.options)}},
                  static_cast<int64_t>(route.verification->sharing()));
  }
}

}  // namespace singleflight::app
