#include "server/base/check.h"

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace singleflight::base {
namespace {

// How long the reader of stderr has to take the line. A bug must not become a process that hangs.
constexpr int kPatience = 100;  // milliseconds

}  // namespace

void CheckFailed(const char* file, int line, const char* condition) {
  char text[512];
  const int size =
      std::snprintf(text, sizeof(text), "%s:%d: check failed: %s\n", file, line, condition);
  pollfd writable{STDERR_FILENO, POLLOUT, 0};
  if (size > 0 && ::poll(&writable, 1, kPatience) == 1) {
    const size_t whole = static_cast<size_t>(size) < sizeof(text) ? size : sizeof(text) - 1;
    if (::write(STDERR_FILENO, text, whole) < 0) std::abort();
  }
  std::abort();
}

}  // namespace singleflight::base
