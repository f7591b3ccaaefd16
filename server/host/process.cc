#include "server/host/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "server/host/control_groups.h"

namespace singleflight::host {
namespace {

// Each of these ends a process that has not said otherwise. SIGXFSZ comes of a log file that is as
// large as it may get.
constexpr int kIgnored[] = {SIGPIPE,   SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM,
                            SIGVTALRM, SIGPROF, SIGIO,   SIGPWR};

void HoldHangups() {
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &hangup, nullptr);
}

}  // namespace

void OpenStandardDescriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest number that is free, which is `fd`. A folder can be neither read nor written.
    if (::open("/dev/null", O_RDWR) < 0) ::open("/", O_RDONLY);
  }
}

void PrepareProcess() {
  for (const int signal : kIgnored) std::signal(signal, SIG_IGN);
  HoldHangups();
  rlimit descriptors;
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
}

uint64_t DescriptorLimit() {
  rlimit descriptors;
  return getrlimit(RLIMIT_NOFILE, &descriptors) == 0 ? descriptors.rlim_cur : 1024;
}

uint64_t ResidentBytes() {
  const std::vector<std::string> fields = absl::StrSplit(FirstLine("/proc/self/statm"), ' ');
  uint64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) return 0;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace singleflight::host
