#include "server/host/allowed_memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/host/control_groups.h"

namespace singleflight::host {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

// "max", no such file and nonsense are no limit.
uint64_t LimitIn(const std::string& path) {
  uint64_t bytes;
  return absl::SimpleAtoi(FirstLine(path), &bytes) && bytes > 0 ? bytes : kNoLimit;
}

uint64_t LimitOfGroups(const std::string& root, const std::string& self) {
  uint64_t least = kNoLimit;
  for (const std::string& group : OwnGroups(self, "")) {
    for (const char* file : {"/memory.max", "/memory.high"}) {
      least = std::min(least, LimitIn(absl::StrCat(root, group, file)));
    }
  }
  for (const std::string& group : OwnGroups(self, "memory")) {
    least =
        std::min(least, LimitIn(absl::StrCat(root, "/memory", group, "/memory.limit_in_bytes")));
  }
  return least;
}

uint64_t LimitOfProcess(int resource) {
  rlimit limit;
  if (getrlimit(static_cast<__rlimit_resource>(resource), &limit) != 0) return kNoLimit;
  return limit.rlim_cur == RLIM_INFINITY ? kNoLimit : limit.rlim_cur;
}

uint64_t OfTheMachine() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return kNoLimit;
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
}

}  // namespace

uint64_t AllowedMemory(const std::string& root, const std::string& self) {
  return std::min({LimitOfGroups(root, self), LimitOfProcess(RLIMIT_AS),
                   LimitOfProcess(RLIMIT_DATA), OfTheMachine()});
}

}  // namespace singleflight::host
