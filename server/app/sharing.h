// What `mode: shadow` and `verify` have found of the routes in force, as operators see it, and what
// they do about it.
//
// Threads: the control thread's.

#ifndef SINGLEFLIGHT_SERVER_APP_SHARING_H_
#define SINGLEFLIGHT_SERVER_APP_SHARING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/app/events.h"
#include "server/app/ledgers.h"
#include "server/app/snapshot.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::app {

// For each route of `next` the one in force that says the same: what has been found of it holds.
// Null: there is none.
std::vector<const core::Route*> SameRoutes(const config::Config& in_force, const RouteSet& routes,
                                           const config::Config& next);

// Before the routes have traffic: steps of their verification become events, unless it is that of
// the route `before`, of which that is so already. These outlive them.
void TellOfSharing(RouteSet& routes, const std::vector<const core::Route*>& before, Events& events);

// Whether what is kept must be dropped when one configuration takes the place of another, and why;
// empty: it need not be. Else it could be served again, although
//
//   writes meanwhile drop other groups, or none      `tags` or `invalidates` have changed
//   `verify` has shown that it may be another's      a route begins anew by the same key
std::string WhyDropKept(const config::Config& config, const RouteSet& routes,
                        const config::Config& next, const RouteSet& next_routes);

void DescribeSharing(const core::Route& route, const Ledgers& ledgers, admin::v1::Route& out);

// Whether the route of that name had stopped sharing, for some clients or for all. It shares now.
absl::StatusOr<bool> ShareAgain(const RouteSet& routes, const std::string& route);

void ShowSharing(const RouteSet& routes, metrics::Visitor& visitor);

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_SHARING_H_
