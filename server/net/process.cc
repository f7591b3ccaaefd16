#include "server/net/process.h"

#include <sys/resource.h>

#include <csignal>

namespace singleflight::net {

void PrepareProcess() {
  std::signal(SIGPIPE, SIG_IGN);
  rlimit descriptors;
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
}

}  // namespace singleflight::net
