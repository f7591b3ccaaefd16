// singleflightctl: what a run meets, and the run.

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "server/ctl/ctl.h"

namespace singleflight::ctl {
namespace {

absl::optional<std::string> Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return absl::nullopt;
  return std::string(value);
}

int Main(const std::vector<std::string>& arguments) {
  const bool can_ask = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
  return Run(arguments, {Variable, absl::Now, absl::LocalTimeZone(), std::cin, std::cout, std::cerr,
                         [] { return LookAt(STDOUT_FILENO, Variable); }, can_ask});
}

}  // namespace
}  // namespace singleflight::ctl

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  setenv("GRPC_VERBOSITY", "NONE", 0);  // what went wrong is told in words of our own
  return singleflight::ctl::Main(std::vector<std::string>(argv + 1, argv + argc));
}
