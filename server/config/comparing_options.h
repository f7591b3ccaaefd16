// Reads what a route says of comparing replies: `mode`, `verify` and `volatile`. After `collapse`
// and `cache`, which they are about.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_COMPARING_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_COMPARING_OPTIONS_H_

#include "server/config/reader.h"
#include "server/core/route_options.h"

namespace singleflight::config {

void ReadComparing(Mapping& in, core::RouteOptions& out);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_COMPARING_OPTIONS_H_
