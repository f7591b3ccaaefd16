// `schema` of an upstream, and the options of routes that are of no use without it.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_SCHEMA_OPTIONS_H_
#define SINGLEFLIGHT_SERVER_CONFIG_SCHEMA_OPTIONS_H_

#include "absl/strings/string_view.h"
#include "server/config/draft.h"
#include "server/config/reader.h"

namespace singleflight::config {

// Of the upstream that is read.
void ReadSchema(Mapping& in, Draft& draft);

// Relative paths are relative to the folder of the file `filename`.
void ResolveSchemaPaths(absl::string_view filename, Draft& draft);

// Refuses options of routes whose upstream says nothing of its messages.
void CheckSchemas(const Draft& draft, Problems& problems);

// Reads the descriptor sets, and refuses what is none.
void CheckDescriptorSets(const Draft& draft, Problems& problems);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_SCHEMA_OPTIONS_H_
