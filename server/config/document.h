// Parses the one YAML document of a text. If there is none, or more than one, or no YAML, the node
// is undefined and there is a problem. Throws nothing.

#ifndef SINGLEFLIGHT_SERVER_CONFIG_DOCUMENT_H_
#define SINGLEFLIGHT_SERVER_CONFIG_DOCUMENT_H_

#include <yaml-cpp/yaml.h>

#include "absl/strings/string_view.h"
#include "server/config/problems.h"

namespace singleflight::config {

YAML::Node ParseDocument(absl::string_view text, Problems& problems);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_DOCUMENT_H_
