#ifndef SINGLEFLIGHT_SERVER_CONFIG_METRICS_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_METRICS_OPTIONS_H_

#include "server/config/config.h"
#include "server/config/reader.h"

namespace singleflight::config {

// Reads `metrics:`.
void ReadMetrics(Mapping& in, MetricsOptions& out);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_METRICS_OPTIONS_H_
