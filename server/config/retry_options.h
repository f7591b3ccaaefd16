#ifndef SINGLEFLIGHT_SERVER_CONFIG_RETRY_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_RETRY_OPTIONS_H_

#include "server/config/reader.h"
#include "server/core/route_options.h"

namespace singleflight::config {

// What has calls sent more than once: `retry` of a route, `hedge` of its `collapse`. Each is a
// switch, or a section.
void ReadRetry(Mapping& in, absl::optional<core::RetryOptions>& out);
void ReadHedge(Mapping& in, absl::optional<core::HedgeOptions>& out);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_RETRY_OPTIONS_H_
