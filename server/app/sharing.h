// What `mode: shadow` and `verify` have found of the routes in force, as operators see it, and what
// they do about it.
//
// Threads: the control thread's.

#ifndef SINGLEFLIGHT_SERVER_APP_SHARING_H_
#define SINGLEFLIGHT_SERVER_APP_SHARING_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/app/events.h"
#include "server/app/ledgers.h"
#include "server/app/snapshot.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::app {

// Before the routes have traffic: steps of their verification become events. These outlive them.
void TellOfSharing(RouteSet& routes, Events& events);

void DescribeSharing(const core::Route& route, const Ledgers& ledgers, admin::v1::Route& out);

// Whether the route of that name had stopped sharing, for some clients or for all. It shares now.
absl::StatusOr<bool> ShareAgain(const RouteSet& routes, const std::string& route);

void ShowSharing(const RouteSet& routes, metrics::Visitor& visitor);

}  // namespace singleflight::app

#endif  // SINGLEFLIGHT_SERVER_APP_SHARING_H_
