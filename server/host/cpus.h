#ifndef SINGLEFLIGHT_SERVER_HOST_CPUS_H_
#define SINGLEFLIGHT_SERVER_HOST_CPUS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace singleflight::host {

// How many CPUs a quota of cgroup v2's cpu.max ("max 100000", "150000 100000") is worth; nothing:
// no limit.
absl::optional<double> CpusOfQuota(absl::string_view cpu_max);

// `threads: auto`: what the affinity mask and the cgroup (v2, or v1 under `root`/cpu) allow,
// rounded up, at least 1. `root` is /sys/fs/cgroup but in tests; `self` is /proc/self/cgroup.
int AllowedCpus(const std::string& root = "/sys/fs/cgroup",
                const std::string& self = "/proc/self/cgroup");

}  // namespace singleflight::host

#endif  // SINGLEFLIGHT_SERVER_HOST_CPUS_H_
