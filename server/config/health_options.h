// The options of an upstream that say which endpoints are left out: `ejection`, `health_check`.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_HEALTH_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_HEALTH_OPTIONS_H_

#include "server/config/reader.h"
#include "server/upstream/options.h"

namespace singleflight::config {

void ReadEjection(Mapping& in, upstream::UpstreamOptions& out);

// After load_balancing, beside which it may not stand.
void ReadHealthCheck(Mapping& in, upstream::UpstreamOptions& out);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_HEALTH_OPTIONS_H_
