#ifndef SINGLEFLIGHT_SERVER_CONFIG_DOCUMENT_H_
#define SINGLEFLIGHT_SERVER_CONFIG_DOCUMENT_H_

#include <yaml-cpp/yaml.h>

#include "absl/strings/string_view.h"
#include "server/config/problems.h"

namespace singleflight::config {

// The one YAML document of `text`. Where there is none, or more than one, or no YAML: an undefined
// node and a problem. Throws nothing.
YAML::Node ParseDocument(absl::string_view text, Problems& problems);

}  // namespace singleflight::config

#endif  // SINGLEFLIGHT_SERVER_CONFIG_DOCUMENT_H_
