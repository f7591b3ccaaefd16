#include "server/net/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace singleflight::net {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int AffinityCpus() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  return std::max(1, CPU_COUNT(&allowed));
}

// The group's path in cgroup v2 ("0::/a/b"), "/" within a namespace of its own.
std::string OwnGroup(const std::string& self) {
  std::ifstream file(self);
  for (std::string line; std::getline(file, line);) {
    absl::string_view path = line;
    if (absl::ConsumePrefix(&path, "0::")) return std::string(path);
  }
  return "/";
}

absl::optional<double> QuotaV1(const std::string& root) {
  const std::string quota = FirstLine(absl::StrCat(root, "/cpu/cpu.cfs_quota_us"));
  const std::string period = FirstLine(absl::StrCat(root, "/cpu/cpu.cfs_period_us"));
  if (quota.empty() || quota.front() == '-') return absl::nullopt;
  return CpusOfQuota(absl::StrCat(quota, " ", period));
}

}  // namespace

absl::optional<double> CpusOfQuota(absl::string_view cpu_max) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::StripAsciiWhitespace(cpu_max), ' ');
  double quota, period;
  if (parts.size() != 2 || !absl::SimpleAtod(parts[0], &quota) ||
      !absl::SimpleAtod(parts[1], &period) || quota <= 0 || period <= 0) {
    return absl::nullopt;
  }
  return quota / period;
}

// The smallest quota on the way from the own group to the root of the hierarchy holds.
int AllowedCpus(const std::string& root, const std::string& self) {
  double cpus = AffinityCpus();
  for (std::string group = OwnGroup(self); !group.empty(); group.resize(group.rfind('/'))) {
    const absl::optional<double> quota =
        CpusOfQuota(FirstLine(absl::StrCat(root, group, "/cpu.max")));
    cpus = std::min(cpus, quota.value_or(cpus));
    if (group.rfind('/') == std::string::npos) break;
  }
  cpus = std::min(cpus, CpusOfQuota(FirstLine(root + "/cpu.max")).value_or(cpus));
  cpus = std::min(cpus, QuotaV1(root).value_or(cpus));
  return std::max(1, static_cast<int>(std::ceil(cpus)));
}

}  // namespace singleflight::net
