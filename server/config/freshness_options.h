#ifndef SINGLEFLIGHT_SERVER_CONFIG_FRESHNESS_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_FRESHNESS_OPTIONS_H_

#include "absl/types/optional.h"
#include "server/cache/freshness.h"
#include "server/config/reader.h"

namespace singleflight::config {

// `cache` of a route. `max_ttl` gets its place, if the file names it.
void ReadFreshness(Mapping& in, cache::FreshnessRules& out, absl::optional<Place>* max_ttl);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_FRESHNESS_OPTIONS_H_
