#ifndef SINGLEFLIGHT_SERVER_CONFIG_COLLAPSE_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_COLLAPSE_OPTIONS_H_

#include "server/config/reader.h"
#include "server/core/route_options.h"

namespace singleflight::config {

// `collapse` of a route. False: it is off.
bool ReadCollapse(Mapping& in, core::CollapseOptions& out);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_COLLAPSE_OPTIONS_H_
