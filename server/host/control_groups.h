#ifndef SINGLEFLIGHT_SERVER_HOST_CONTROL_GROUPS_H_
#define SINGLEFLIGHT_SERVER_HOST_CONTROL_GROUPS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace singleflight::host {

// The control groups that this process is in, of a hierarchy: the own path ("/pod/container"), that
// of each group above it, and the root (""). `self` is /proc/self/cgroup but in tests;
// `controller`: of version 1 ("memory"); empty: of version 2.
std::vector<std::string> OwnGroups(const std::string& self, absl::string_view controller);

// The first line of a small file; empty: there is none.
std::string FirstLine(const std::string& path);

}  // namespace singleflight::host

#endif  // SINGLEFLIGHT_SERVER_HOST_CONTROL_GROUPS_H_
