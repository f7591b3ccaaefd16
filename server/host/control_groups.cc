#include "server/host/control_groups.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_split.h"

namespace singleflight::host {
namespace {

// A line is "4:memory,hugetlb:/a/b"; that of version 2 is "0::/a/b", and "/" within a namespace.
std::string OwnGroup(const std::string& self, absl::string_view controller) {
  std::ifstream file(self);
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<absl::string_view> controllers = absl::StrSplit(parts[1], ',');
    if (std::find(controllers.begin(), controllers.end(), controller) != controllers.end()) {
      return parts[2];
    }
  }
  return "";
}

}  // namespace

std::vector<std::string> OwnGroups(const std::string& self, absl::string_view controller) {
  std::vector<std::string> groups;
  for (std::string group = OwnGroup(self, controller); group.size() > 1;
       group.resize(group.rfind('/'))) {
    groups.push_back(group);
    if (group.rfind('/') == std::string::npos) break;
  }
  groups.emplace_back();
  return groups;
}

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace singleflight::host
