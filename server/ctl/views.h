// The proxy's messages as people read them. Pure: a message and a style make a text.

#ifndef SINGLEFLIGHT_SERVER_CTL_VIEWS_H_
#define SINGLEFLIGHT_SERVER_CTL_VIEWS_H_

#include <string>

#include "absl/time/time.h"
#include "server/ctl/table.h"
#include "singleflight/admin/v1/admin.pb.h"

namespace singleflight::ctl {

struct Style {
  Paper paper;
  absl::Time now;
  absl::TimeZone zone;
};

std::string ViewInfo(const admin::v1::Info& info, const Style& style);

// `before`: the statistics that came before these, for rates and for latency; nullptr: there are
// none, and latency is since the start.
std::string ViewStats(const admin::v1::Stats& stats, const admin::v1::Stats* before,
                      const Style& style);

std::string ViewRoutes(const admin::v1::ListRoutesResponse& routes, const Style& style);
std::string ViewUpstreams(const admin::v1::ListUpstreamsResponse& upstreams, const Style& style);
std::string ViewFlights(const admin::v1::ListFlightsResponse& flights, const Style& style);
std::string ViewTopByCalls(const admin::v1::ListTopKeysResponse& keys, const Style& style);
std::string ViewTopByBytes(const admin::v1::ListTopKeysResponse& keys, const Style& style);
std::string ViewSplits(const admin::v1::ListSplitsResponse& splits, const Style& style);
std::string ViewEvents(const admin::v1::ListEventsResponse& events, const Style& style);

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp);
absl::Duration DurationOf(const google::protobuf::Duration& duration);

}  // namespace singleflight::ctl

#endif  // SINGLEFLIGHT_SERVER_CTL_VIEWS_H_
