#ifndef SINGLEFLIGHT_SERVER_HOST_ALLOWED_MEMORY_H_
#define SINGLEFLIGHT_SERVER_HOST_ALLOWED_MEMORY_H_

#include <cstdint>
#include <string>

namespace singleflight::host {

// How many bytes of memory this process may have: the least of what its control group and each one
// above it allow (version 2's memory.max and memory.high, version 1's memory.limit_in_bytes under
// `root`/memory), of RLIMIT_AS and RLIMIT_DATA, and of what the machine has. `root` is
// /sys/fs/cgroup but in tests; `self` is /proc/self/cgroup.
uint64_t AllowedMemory(const std::string& root = "/sys/fs/cgroup",
                       const std::string& self = "/proc/self/cgroup");

}  // namespace singleflight::host

#endif  // SINGLEFLIGHT_SERVER_HOST_ALLOWED_MEMORY_H_
