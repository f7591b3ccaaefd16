#include "server/host/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/host/control_groups.h"

namespace singleflight::host {
namespace {

// Of /proc/self/stat, behind the name of the program, which stands in brackets (proc(5)).
constexpr size_t kStartTime = 19;
constexpr size_t kVirtualBytes = 20;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double CpuSeconds() {
  rusage usage;
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

int64_t NumberAt(const std::vector<std::string>& fields, size_t at) {
  int64_t number = 0;
  return at < fields.size() && absl::SimpleAtoi(fields[at], &number) ? number : 0;
}

int64_t BootedAt() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "btime ")) return NumberAt(absl::StrSplit(line, ' '), 1);
  }
  return 0;
}

// The iterator has one open itself.
int64_t OpenDescriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
  if (error) return 0;
  return std::distance(begin(descriptors), end(descriptors)) - 1;
}

}  // namespace

ProcessUsage TakeUsage() {
  const std::string stat = FirstLine("/proc/self/stat");
  const size_t name_ends = stat.rfind(')');
  const absl::string_view behind =
      name_ends == std::string::npos ? "" : absl::string_view(stat).substr(name_ends + 2);
  const std::vector<std::string> fields = absl::StrSplit(behind, ' ');
  ProcessUsage usage;
  usage.cpu_seconds = CpuSeconds();
  usage.virtual_bytes = NumberAt(fields, kVirtualBytes);
  usage.open_descriptors = OpenDescriptors();
  usage.started_at = BootedAt() + NumberAt(fields, kStartTime) / ::sysconf(_SC_CLK_TCK);
  return usage;
}

}  // namespace singleflight::host
