#include "server/host/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/host/control_groups.h"

namespace singleflight::host {
namespace {

int AffinityCpus() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  return std::max(1, CPU_COUNT(&allowed));
}

absl::optional<double> QuotaV1(const std::string& folder) {
  const std::string quota = FirstLine(absl::StrCat(folder, "/cpu.cfs_quota_us"));
  const std::string period = FirstLine(absl::StrCat(folder, "/cpu.cfs_period_us"));
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
  for (const std::string& group : OwnGroups(self, "")) {
    const auto quota = CpusOfQuota(FirstLine(absl::StrCat(root, group, "/cpu.max")));
    cpus = std::min(cpus, quota.value_or(cpus));
  }
  for (const std::string& group : OwnGroups(self, "cpu")) {
    cpus = std::min(cpus, QuotaV1(absl::StrCat(root, "/cpu", group)).value_or(cpus));
  }
  return std::max(1, static_cast<int>(std::ceil(cpus)));
}

}  // namespace singleflight::host
