#include "server/app/sharing.h"

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

}  // namespace

void TellOfSharing(RouteSet& routes, Events& events) {
  for (const core::Route& route : routes.table.routes()) {
    if (route.verification == nullptr) continue;
    route.verification->set_on_step(
        [&events, label = RouteLabel(route.options)](const std::string& text) {
          events.Add("verify", label, text);
        });
  }
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
