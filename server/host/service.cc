#include "server/host/service.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace singleflight::host {
namespace {

constexpr int kMostDescriptors = 1024;

std::string ValueOf(Variables variables, const char* name) {
  const char* const value = variables(name);
  return value == nullptr ? "" : value;
}

// Without a name of a process, the watchdog's variables are for whoever reads them.
bool IsFor(const std::string& pid, pid_t self, bool without) {
  pid_t number = 0;
  return pid.empty() ? without : absl::SimpleAtoi(pid, &number) && number == self;
}

absl::Status Mistake(absl::string_view name, absl::string_view value, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the environment says ", name, "=", value, ", which is ", what,
                   "; unset it, or start this program by a service manager"));
}

absl::Status ReadDescriptors(Variables variables, int first, Service& out) {
  const std::string count = ValueOf(variables, "LISTEN_FDS");
  int number = 0;
  if (!absl::SimpleAtoi(count, &number) || number < 0 || number > kMostDescriptors) {
    return Mistake("LISTEN_FDS", count, "no number of descriptors");
  }
  const std::string text = ValueOf(variables, "LISTEN_FDNAMES");
  const std::vector<std::string> names =
      text.empty() ? std::vector<std::string>(static_cast<size_t>(number), "unknown")
                   : absl::StrSplit(text, ':');
  if (names.size() != static_cast<size_t>(number)) {
    return Mistake("LISTEN_FDNAMES", text, absl::StrCat("not a name for each of ", number));
  }
  for (int i = 0; i < number; ++i) {
    if (::fcntl(first + i, F_SETFD, FD_CLOEXEC) != 0) {
      return Mistake("LISTEN_FDS", count,
                     absl::StrCat("wrong, since the descriptor ", first + i, " is not open"));
    }
    out.descriptors.push_back({first + i, names[static_cast<size_t>(i)]});
  }
  return absl::OkStatus();
}

absl::Status ReadWatchdog(const std::string& text, Service& out) {
  int64_t microseconds = 0;
  if (!absl::SimpleAtoi(text, &microseconds) || microseconds <= 0) {
    return Mistake("WATCHDOG_USEC", text, "no number of microseconds");
  }
  out.watchdog = std::chrono::microseconds(microseconds);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Service> ReadService(Variables variables, pid_t self, int first) {
  Service service;
  service.notify_socket = ValueOf(variables, "NOTIFY_SOCKET");
  if (IsFor(ValueOf(variables, "LISTEN_PID"), self, false)) {
    if (absl::Status status = ReadDescriptors(variables, first, service); !status.ok())
      return status;
  }
  const std::string watchdog = ValueOf(variables, "WATCHDOG_USEC");
  if (!watchdog.empty() && IsFor(ValueOf(variables, "WATCHDOG_PID"), self, true)) {
    if (absl::Status status = ReadWatchdog(watchdog, service); !status.ok()) return status;
  }
  return service;
}

absl::StatusOr<Service> ReadService() {
  return ReadService([](const char* name) -> const char* { return std::getenv(name); }, ::getpid());
}

}  // namespace singleflight::host
